r"""A small student learns from a teacher: DeiT's distillation (arXiv:2012.12877), on any source.

    keras-vit finetune --data cifar10 --weights vit_tiny.safetensors --run-dir runs/teacher
    python -m recipes.distill --teacher runs/teacher/best.keras --data cifar10
    python -m recipes.distill --preset guided --guide runs/cnn/best.keras --data cifar10
    python -m recipes.distill --preset deit --teacher teacher.keras --data imagenet2012

The teacher is a `.keras` file, a checkpoint as `keras-vit import` reads it, or a folder of
SavedModels. It knows the same classes, sees the same augmented images, resized to its own, learns
nothing, and is not saved with the student. Each image costs its forward pass besides the student's
step.

`small`, the default, is the student of `recipes.cifar10 --preset cpu`. Without `--token` its head
learns from the labels and from the teacher's softened answers. With it, a distillation token beside
the class token has a head of its own, which learns only from the teacher; the student that is
saved answers with the mean of both.

`guided` is the same student, whose tokens follow the feature maps of a small CNN besides the labels
(arXiv:2207.10026); with `--teacher` and `--share 0.5` as well, it learns from both. Not yet
measured by us.

`deit` is DeiT-Ti for ImageNet with the teacher's class as a second label: 74.5 % in table 5 of the
paper, with a RegNetY-16GF as teacher. Not yet measured by us.
"""

import dataclasses
from typing import Annotated

from cyclopts import Parameter

from keras_vit.errors import UserError
from keras_vit.run import AugmentationName, PatchDropout, SmallData, run_recipe
from keras_vit.run.any_source import scale_of_pixels
from keras_vit.run.teaching import Teaching


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Teaching, PatchDropout, SmallData):
    """The flags of distillation."""

    image_size: int
    patch_size: int
    """Side of a patch in pixels."""
    width: int = 192
    """Width of the student: numbers per token."""
    depth: int
    """Its transformer blocks."""
    mlp_dim: int
    """Hidden units of each of its MLPs."""
    num_heads: int = 3
    """Its attention heads per block."""
    position: str
    """learned, sincos_2d, sincos_1d or none."""
    mean: tuple[float, ...]
    """Mean of the pixels, from 0 to 1."""
    std: tuple[float, ...]
    """Standard deviation of the pixels, from 0 to 1."""
    drop_path: float = 0.0
    """Stochastic depth: rate at which the last block is skipped in training."""
    run_dir: Annotated[str, Parameter(show_default=True)] = "runs/distill"
    export_dir: Annotated[str, Parameter(show_default=True)] = "saved_models/distill"

    def check(self):
        super().check()
        if self.guide and any(self.patch_dropout):
            raise UserError(
                "A guide needs every patch: pass --patch-dropout 0 --patch-dropout-epochs 0; "
                f"received patch_dropout={self.patch_dropout}."
            )
        if self.token and self.pool not in (None, "class_token"):
            raise UserError(f"A distillation token needs no `pool`: received {self.pool}.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Small(Config):
    """The student of `recipes.cifar10 --preset cpu`, for two cores and an hour."""

    epochs: int = 25
    batch_size: int = 128
    optimizer: str = "muon"
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.1
    beta_2: float = 0.95
    warmup_epochs: int = 1
    validation_epochs: int = 3
    hard: bool = False
    share: float = 0.5
    temperature: float = 2.0
    token: bool = False
    image_size: int = 32
    patch_size: int = 4
    depth: int = 6
    mlp_dim: int = 384
    position: str = "sincos_2d"
    mean: tuple[float, ...] = (0.491, 0.482, 0.447)
    std: tuple[float, ...] = (0.247, 0.243, 0.262)
    patch_dropout: tuple[float, ...] = (0.75, 0.5, 0.0)
    patch_dropout_epochs: tuple[int, ...] = (0, 18, 24)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Guided(Small):
    """The same student, guided by the feature maps of a CNN."""

    share: float = 0.0
    temperature: float = 1.0
    patch_dropout: tuple[float, ...] = (0.0,)
    patch_dropout_epochs: tuple[int, ...] = (0,)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeiT(Config):
    """DeiT-Ti with a distillation token, 300 epochs of ImageNet."""

    val_fraction: float | None = 0.0
    epochs: int = 300
    batch_size: int = 1024
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup_epochs: int = 5
    clip_norm: float = 0.0
    label_smoothing: float = 0.1
    mixup: float = 0.8
    cutmix: float = 1.0
    repeats: int = 3
    augment: AugmentationName = "rand-augment-timm"
    erasing: float = 0.25
    smallest_crop: float = 0.08
    hard: bool = True
    share: float = 0.5
    token: bool = True
    image_size: int = 224
    patch_size: int = 16
    depth: int = 12
    mlp_dim: int = 768
    position: str = "learned"
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    drop_path: float = 0.1


PRESETS = {"small": Small, "guided": Guided, "deit": DeiT}
# The tests give it a teacher, or a guide.
TINY = dict(data="digits", epochs=2, validation_epochs=1, batch_size=32, warmup_epochs=0)
TINY |= dict(image_size=8, patch_size=4, width=16, depth=1, mlp_dim=32, num_heads=2)
SMOKE = (
    Small(**TINY, patch_dropout=(0.5, 0.0), patch_dropout_epochs=(0, 1)),
    DeiT(**TINY, repeats=1, val_fraction=None),
    Guided(**TINY | dict(depth=3)),
)


def run(config):
    """Trains, evaluates, exports and compares.

    Args:
        config: One of this page's configurations.

    Returns:
        A list of one `keras_vit.evaluation.Comparison` per file, or `None`: see
        `keras_vit.run.train`.

    Raises:
        ValueError: If a flag is out of its range, or the data or the teacher cannot be used.
    """
    from keras_vit.models import ViTConfig, vit
    from keras_vit.run import open_devices, train
    from keras_vit.tasks import classifier

    devices = open_devices(config)
    config, source = config.opened()
    source = config.sized(source)
    channels = source.splits["train"].channels
    pixels = scale_of_pixels(config, channels)
    shape = ViTConfig(
        image_size=config.image_size,
        patch_size=config.patch_size,
        channels=channels,
        width=config.width,
        depth=config.depth,
        mlp_dim=config.mlp_dim,
        num_heads=config.num_heads,
        class_token=config.token,
        distillation_token=config.token,
        position=config.position,
        stem=config.stem,
        stem_blocks=config.stem_blocks,
        locality=config.locality,
    )
    rates = dict(drop_path=config.drop_path, patch_dropout=config.largest_patch_dropout)

    def build(names):
        student = classifier(
            vit(shape, **pixels, **rates),
            len(names),
            pool=config.pool,
            distillation_head=config.token,
            class_names=names,
        )
        return teach(student, names)

    task, teach, answers = config.teaching(source)
    moves, cropping = config.cropping(source)
    return train(
        config,
        devices,
        source,
        build,
        task=task,
        augment=config.stages(*config.flips, *moves),
        callbacks=config.patch_dropout_callbacks,
        answers=answers,
        bigger=["python", "-m", "recipes.distill", *config.words, "--data"]
        + [config.data, "--epochs", str(2 * config.epochs)],
        **cropping,
    )


if __name__ == "__main__":
    run_recipe(run, PRESETS, __doc__)
