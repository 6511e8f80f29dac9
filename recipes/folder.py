"""Your own pictures: a Vision Transformer trained from scratch on a folder of class folders.

    keras-vit check-data my_pictures
    python -m recipes.folder --data my_pictures

The flags are those of `keras-vit train`, which needs no repository. The model is that of
`recipes.cifar10 --preset cpu`, on pictures of 64x64 pixels.
"""

from keras_vit.run import run_recipe
from keras_vit.run.from_scratch import Config, run

SMOKE = (
    Config(
        epochs=2,
        batch_size=4,
        warmup_epochs=1,
        image_size=16,
        width=16,
        depth=1,
        num_heads=2,
        stem="cct",
        pool="sequence",
    ),
)

if __name__ == "__main__":
    run_recipe(run, Config, __doc__)
