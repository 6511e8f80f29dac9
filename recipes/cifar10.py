"""CIFAR-10 from scratch: a plain Vision Transformer on 32x32 photographs, patches of 4x4.

    python -m recipes.cifar10

TensorFlow Datasets downloads 170 MB the first time, or reads what `--data-dir` holds. Made for a
GPU. Model and optimizer are those of the plain ViT that "Vision Transformer for Small-Size
Datasets" (arXiv:2112.13492, section 4.1) starts from; the augmentation is a flip and a shift alone.
"""

import dataclasses
import functools

from keras_vit.command_line import run_recipe
from keras_vit.data import from_tfds
from keras_vit.data.augment import chain, random_crop, random_flip
from keras_vit.models import ViTConfig, vit
from recipes.train import Training, train


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Training):
    """The CIFAR-10 recipe."""

    epochs: int = 100
    batch_size: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup_epochs: int = 10
    width: int = 192
    """Numbers per token."""
    depth: int = 9
    """Transformer blocks."""
    num_heads: int = 12
    """Attention heads per block."""
    drop_path: float = 0.1
    """Stochastic depth of the last block."""
    data_dir: str | None = None
    """Folder of TFDS' prepared sets; by default what TFDS_DATA_DIR says, else TFDS' own."""
    run_dir: str = "runs/cifar10"
    export_dir: str = "saved_models/cifar10"


SMOKE = Config(epochs=2, batch_size=32, warmup_epochs=1, width=16, depth=2, num_heads=2)


def run(config):
    """Trains, evaluates, exports and compares; returns the comparison of the artefacts."""
    shape = ViTConfig(
        image_size=32,
        patch_size=4,
        width=config.width,
        depth=config.depth,
        mlp_dim=2 * config.width,
        num_heads=config.num_heads,
    )
    return train(
        config,
        from_tfds("cifar10", data_dir=config.data_dir),
        lambda: vit(shape, drop_path=config.drop_path),
        chain(random_flip, functools.partial(random_crop, padding=4)),
        bigger="python -m recipes.cifar10 --width 384 --depth 12",
    )


if __name__ == "__main__":
    run_recipe(run, Config, __doc__)
