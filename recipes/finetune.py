r"""CIFAR-10 from ImageNet: weights that were trained elsewhere learn your own pictures.

The flags are those of `keras-vit finetune`, which needs no repository. CIFAR-10 from the ImageNet
ViT-Ti/16, 94.5 % in 50 minutes on two cores of an AMD EPYC (Zen 5):

    python -m recipes.finetune --weights vit_tiny.safetensors --data cifar10 \
        --image-size 160 --epochs 8 --warmup-epochs 0 --patch-dropout 0.5 0 \
        --patch-dropout-epochs 0 7 --validation-epochs 8 --val-fraction 0 --xla on \
        --batch-size 64 --learning-rate 1e-3 --no-from-probe
"""

from keras_vit.run import run_recipe
from keras_vit.run.finetune import Config, run

# The tests give it the weights of a tiny model.
SMOKE = (
    Config(data="digits", image_size=8, epochs=3, batch_size=32, head_epochs=1),
    Config(data="digits", image_size=16, epochs=2, batch_size=32, probe=True),
    Config(data="digits", image_size=8, epochs=2, batch_size=32, lora_rank=2, lora_on="all"),
    Config(data="digits", image_size=8, epochs=2, batch_size=32, lora_rank=2),
    Config(
        data="digits",
        image_size=8,
        epochs=2,
        batch_size=32,
        frozen_blocks=1,
        patch_dropout=(0.5, 0.0),
        patch_dropout_epochs=(0, 1),
    ),
)

if __name__ == "__main__":
    run_recipe(run, Config, __doc__)
