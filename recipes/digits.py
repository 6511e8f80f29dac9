"""Handwritten digits: a small Vision Transformer on 1,797 real scans, 8x8 pixels, grey.

    python -m recipes.digits

The plain ViT of "An Image is Worth 16x16 Words" (arXiv:2010.11929), scaled down: patches of 2x2.
"""

import dataclasses
import functools
import time
from pathlib import Path

import keras

from keras_vit.command_line import describe, run_recipe
from keras_vit.data import digits, eval_batches, random_affine, train_batches
from keras_vit.models import ViTConfig, vit
from keras_vit.tasks import classifier
from keras_vit.training import (
    Throughput,
    log_gallery,
    strategy,
    use_xla,
    warmup_cosine_adamw,
)
from recipes.deliver import deliver


@dataclasses.dataclass(frozen=True)
class Config:
    """What a person tunes; each field is a flag."""

    epochs: int = 100
    """Passes over the training images."""
    batch_size: int = 32
    """Images per step."""
    learning_rate: float = 2e-3
    """Peak of the warm-up cosine."""
    weight_decay: float = 0.05
    """AdamW's, on kernels alone."""
    warmup_epochs: int = 5
    """Epochs from a learning rate of zero to the peak."""
    width: int = 64
    """Numbers per token."""
    depth: int = 4
    """Transformer blocks."""
    num_heads: int = 4
    """Attention heads per block."""
    seed: int = 0
    """Seed of weights, order and augmentation."""
    device: str = "auto"
    """auto, cpu, gpu or tpu."""
    run_dir: str = "runs/digits"
    """Where logs, the .keras file and sample pictures go."""
    export_dir: str = "saved_models/digits"
    """Where the exported versions go."""


SMOKE = Config(epochs=2, warmup_epochs=1, width=16, depth=1, num_heads=2)

augment = functools.partial(random_affine, degrees=10, shear=5, zoom=0.1, shift=0.08)


def run(config):
    """Trains, evaluates, exports and compares; returns the comparison of the artefacts."""
    source = digits()
    train, test = source.splits["train"], source.splits["test"]
    steps = train.count // config.batch_size
    log_dir = Path(config.run_dir, "logs", time.strftime("%Y%m%d-%H%M%S"))
    print(f"{source}\n{describe(config)}")

    keras.utils.set_random_seed(config.seed)
    batches = train_batches(train, batch_size=config.batch_size, seed=config.seed, augment=augment)
    log_gallery(log_dir, *next(batches.as_numpy_iterator()), source.class_names)

    devices = strategy(config.device)
    with devices.scope():
        backbone = vit(
            ViTConfig(
                image_size=8,
                patch_size=2,
                channels=1,
                width=config.width,
                depth=config.depth,
                mlp_dim=4 * config.width,
                num_heads=config.num_heads,
                class_token=False,
                position="sincos_2d",
            ),
            mean=0.305,  # of the training images, as is the standard deviation
            std=0.376,
        )
        model = classifier(backbone, len(source.class_names), class_names=source.class_names)
        model.compile(
            warmup_cosine_adamw(
                config.learning_rate,
                total_steps=config.epochs * steps,
                warmup_steps=config.warmup_epochs * steps,
                weight_decay=config.weight_decay,
                beta_2=0.99,
                global_clipnorm=1.0,
            ),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            jit_compile=use_xla(devices),
        )
    print(f"{model.count_params():,} parameters. TensorBoard: tensorboard --logdir {log_dir.parent}")
    model.fit(
        batches,
        epochs=config.epochs,
        steps_per_epoch=steps,
        validation_data=eval_batches(test, batch_size=test.count),
        callbacks=[Throughput(config.batch_size), keras.callbacks.TensorBoard(log_dir)],
    )
    return deliver(model, source, config, log_dir, next_recipe="recipes.cifar10")


if __name__ == "__main__":
    run_recipe(run, Config, __doc__)
