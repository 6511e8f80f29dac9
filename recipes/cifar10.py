"""CIFAR-10 from scratch: a plain Vision Transformer on 32x32 photographs, patches of 4x4.

    python -m recipes.cifar10 --preset gpu
    python -m recipes.cifar10 --preset cpu
    python -m recipes.cifar10 --preset article

TensorFlow Datasets downloads 170 MB the first time, or reads the set from `--data-dir`. As in the
papers, all training images train and the test split is watched between epochs; nothing is chosen by
it, and the last epoch is exported. `--val-fraction 0.1` sets a tenth apart and chooses by that.

`gpu` is the plain ViT that "Vision Transformer for Small-Size Datasets" (arXiv:2112.13492, section
4.1 and table 2) starts from: 93.58 % there, on the lossless original. Its 100 epochs of three
passes each are 300 here, and each image is in a batch three times. Not yet measured by us.

`cpu` is for two cores and an hour: Muon in place of AdamW, no strong augmentation (25 epochs are
too few for it), and three quarters of the patches dropped in 18 epochs, half in six, none in the
last.

Measured on two cores (AMD EPYC with AVX-512, TensorFlow 2.21.0, Keras 3.15.1), seed 0, on a JPEG
copy of quality 75: 81.55 % of the test images, 53 min 27 s from start to end. Half the batch, 18
epochs and the rate 1e-3 gave 79.07 % in 64 minutes. The schedule of patches was chosen in runs of a
sixteenth of that length, on 5,000 images held out of the training images.

`article` is the configuration of many introductions: ViT-B/16 on images enlarged to 224x224, Adam,
no warm-up, ten epochs. An image costs 17.6 billion multiplications in the forward pass, against 29
to 123 million with `cpu`: too many for a CPU. Not yet measured by us.
"""

import dataclasses
import functools

from keras_vit.errors import UserError
from keras_vit.run import (
    Augmentation,
    AugmentationName,
    Mixing,
    PatchDropout,
    SmallData,
    run_recipe,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(PatchDropout, Augmentation, Mixing, SmallData):
    """The CIFAR-10 recipe."""

    val_fraction: float | None = 0.0
    image_size: int = 32
    """Side to which the images are resized, in pixels."""
    patch_size: int = 4
    """Side of a patch, in pixels."""
    width: int = 192
    """Width of the model: numbers per token."""
    depth: int
    """Transformer blocks."""
    mlp_dim: int = 384
    """Hidden units of each MLP."""
    num_heads: int
    """Attention heads per block."""
    class_token: bool = True
    """Whether the head reads a class token; otherwise it reads the mean of the patches."""
    position: str = "learned"
    """learned, sincos_2d, sincos_1d or none."""
    mean: tuple[float, ...] = (0.491, 0.482, 0.447)
    """Mean of the pixels from 0 to 1; by default of the training images."""
    std: tuple[float, ...] = (0.247, 0.243, 0.262)
    """Standard deviation of the pixels from 0 to 1; by default of the training images."""
    dropout: float = 0.0
    """Dropout rate of tokens and after dense layers."""
    drop_path: float = 0.0
    """Stochastic depth: rate at which the last block is skipped in training."""
    padding: int = 4
    """Largest random shift of the images, in pixels."""
    data_dir: str | None = None
    """Folder of prepared TFDS sets; by default TFDS_DATA_DIR, else that of TFDS."""
    run_dir: str = "runs/cifar10"
    export_dir: str = "saved_models/cifar10"

    def check(self):
        super().check()
        if self.padding < 0:
            raise UserError(f"`padding` must be at least 0: received {self.padding}.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gpu(Config):
    """The plain ViT of arXiv:2112.13492."""

    epochs: int = 300
    batch_size: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup_epochs: int = 30
    clip_norm: float = 0.0
    label_smoothing: float = 0.1
    mixup: float = 1.0
    cutmix: float = 1.0
    mix_rate: float = 0.5
    repeats: int = 3
    validation_epochs: int = 3
    depth: int = 9
    num_heads: int = 12
    drop_path: float = 0.1
    augment: AugmentationName = "auto-augment-cifar10"
    erasing: float = 0.25


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cpu(Config):
    """The best configuration that we found for two cores and an hour."""

    epochs: int = 25
    batch_size: int = 128
    optimizer: str = "muon"
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.1
    beta_2: float = 0.95
    warmup_epochs: int = 1
    label_smoothing: float = 0.1
    validation_epochs: int = 3
    depth: int = 6
    num_heads: int = 3
    class_token: bool = False
    position: str = "sincos_2d"
    patch_dropout: tuple[float, ...] = (0.75, 0.5, 0.0)
    patch_dropout_epochs: tuple[int, ...] = (0, 18, 24)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Article(Config):
    """The configuration of many introductions: ViT-B/16 at 224 pixels."""

    epochs: int = 10
    batch_size: int = 64
    learning_rate: float = 1e-3
    schedule: str = "constant"
    weight_decay: float = 0.0
    warmup_epochs: int = 0
    clip_norm: float = 0.0
    image_size: int = 224
    patch_size: int = 16
    width: int = 768
    depth: int = 12
    mlp_dim: int = 3072
    num_heads: int = 12
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    dropout: float = 0.1
    flip: bool = False
    padding: int = 0


PRESETS = {"gpu": Gpu, "cpu": Cpu, "article": Article}
TINY = dict(epochs=2, batch_size=16, width=16, mlp_dim=32, depth=1, num_heads=2)
SMOKE = (
    Gpu(**TINY, warmup_epochs=1, stem="spt", locality=True, pool="sequence"),
    Cpu(**TINY, patch_dropout=(0.75, 0.0), patch_dropout_epochs=(0, 1)),
    Article(**TINY, image_size=48, stem="resnet", stem_blocks=(1,)),
)


def augmentation(config):
    """Chains the stages that the flags turn on: mirroring, shifts, the policy, erasing.

    Args:
        config: A `Config`.

    Returns:
        A stage, see `Augmentation.stages`.
    """
    from keras_vit.data.augment import random_crop

    shifts = [functools.partial(random_crop, padding=config.padding)] if config.padding else []
    erasing = dict(mean=config.mean, std=config.std, area=(0.02, 0.4), noise=False)
    return config.stages(*config.flips, *shifts, **erasing)


def run(config):
    """Trains, evaluates, exports and compares.

    Args:
        config: One of this page's configurations.

    Returns:
        A list of one `keras_vit.evaluation.Comparison` per file, or `None`: see
        `keras_vit.run.train`.

    Raises:
        ValueError: If a flag is out of its range or the data cannot be used.
    """
    from keras_vit.data import from_tfds
    from keras_vit.models import ViTConfig, vit
    from keras_vit.run import open_devices, train
    from keras_vit.tasks import classifier

    devices = open_devices(config)
    source = from_tfds("cifar10", data_dir=config.data_dir)
    splits = {name: split.resized(config.image_size) for name, split in source.splits.items()}
    shape = ViTConfig(
        image_size=config.image_size,
        patch_size=config.patch_size,
        width=config.width,
        depth=config.depth,
        mlp_dim=config.mlp_dim,
        num_heads=config.num_heads,
        class_token=config.class_token,
        position=config.position,
        stem=config.stem,
        stem_blocks=config.stem_blocks,
        locality=config.locality,
    )
    return train(
        config,
        devices,
        dataclasses.replace(source, splits=splits),
        lambda names: classifier(
            vit(
                shape,
                mean=config.mean,
                std=config.std,
                dropout=config.dropout,
                drop_path=config.drop_path,
                patch_dropout=config.largest_patch_dropout,
            ),
            len(names),
            pool=config.pool,
            class_names=names,
        ),
        task=config.classification(source),
        augment=augmentation(config),
        callbacks=config.patch_dropout_callbacks,
        bigger=["python", "-m", "recipes.cifar10", "--preset", "gpu"],
    )


if __name__ == "__main__":
    run_recipe(run, PRESETS, __doc__)
