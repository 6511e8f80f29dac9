r"""Pictures without labels: a student learns from its own average, by DINO (arXiv:2104.14294).

    python -m recipes.dino --data cifar10
    keras-vit finetune --data cifar10 --weights runs/dino/backbone.keras --image-size 32
    python -m recipes.dino --preset paper --data imagenet2012

Each picture is seen by large and small random crops in other colours. A teacher, the average of the
student's weights over time, answers the large ones; from each crop the student must tell what the
teacher answered to another. Centring and sharpening keep the teacher from answering all pictures
alike. Labels are ignored. The teacher's encoder is saved as `backbone.keras`, which `keras-vit
finetune`, `embed`, `explain` and `recipes.probe` take.

`small`, the default, is the model of `recipes.cifar10 --preset cpu`. `paper` has the settings of
ImageNet: ViT-S/16, two large and ten small crops, 65,536 prototypes, 300 epochs. It differs from
the authors' command of 300 epochs in the number of small crops, there eight, and the areas of the
crops; in a constant weight decay, which they raise from 0.04 to 0.4; and in the last layer of the
head, whose lengths stay 1. Not yet measured by us.
"""

import dataclasses
from typing import Annotated

from cyclopts import Parameter

from keras_vit.errors import UserError
from keras_vit.run import run_recipe
from keras_vit.run.flags import check_ranges
from keras_vit.run.views import Views


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Views):
    """The flags of DINO."""

    momentum: float
    """How much of the teacher stays in the first step; it rises to 1 by a cosine."""
    prototypes: int
    """Numbers of an answer."""
    projector: int = 2048
    """Hidden units of the head."""
    bottleneck: int = 256
    """Numbers that the head scales to length one before its last layer."""
    centring: float = 0.9
    """How much of the centre of the teacher's answers stays in a step; 1 turns centring off."""
    temperature: float
    """The teacher's, after its warm-up; the lower, the sharper are its answers."""
    first_temperature: float = 0.04
    """The teacher's temperature at first."""
    temperature_epochs: int
    """Epochs in which it rises."""
    frozen_epochs: int = 1
    """First epochs, in which the last layer of the head does not learn."""
    run_dir: Annotated[str, Parameter(show_default=True)] = "runs/dino"
    export_dir: Annotated[str, Parameter(show_default=True)] = "saved_models/dino"

    def check(self):
        super().check()
        check_ranges(
            self,
            {
                "[0, 1]": (lambda x: 0 <= x <= 1, ("momentum", "centring")),
                "(0, inf)": (lambda x: x > 0, ("temperature", "first_temperature")),
                "[1, inf)": (lambda x: x >= 1, ("prototypes", "projector", "bottleneck")),
                "[0, inf)": (lambda x: x >= 0, ("temperature_epochs", "frozen_epochs")),
            },
        )
        if self.ema:
            raise UserError(f"DINO saves its teacher, an average already: received ema={self.ema}.")
        if self.accumulation > 1:
            raise UserError(
                "DINO's centre is that of a whole batch, so a device cannot split its part into "
                f"micro-batches: received accumulation={self.accumulation}."
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Small(Config):
    """CIFAR-10 on two cores."""

    val_fraction: float | None = 0.0
    epochs: int = 6
    batch_size: int = 128
    optimizer: str = "muon"
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.05
    beta_2: float = 0.95
    warmup_epochs: int = 1
    validation_epochs: int = 3
    image_size: int = 32
    patch_size: int = 4
    width: int = 192
    depth: int = 6
    mlp_dim: int = 384
    num_heads: int = 3
    class_token: bool = False
    mean: tuple[float, ...] = (0.491, 0.482, 0.447)
    std: tuple[float, ...] = (0.247, 0.243, 0.262)
    small_views: int = 2
    small_size: int = 16
    area: tuple[float, float] = (0.3, 1.0)
    small_area: tuple[float, float] = (0.1, 0.4)
    blur: tuple[float, float, float] = (0.0, 0.0, 0.0)
    solarize: tuple[float, float, float] = (0.0, 0.0, 0.0)
    patch_dropout: tuple[float, ...] = (0.75, 0.5)
    patch_dropout_epochs: tuple[int, ...] = (0, 5)
    momentum: float = 0.99
    prototypes: int = 1024
    projector: int = 512
    bottleneck: int = 128
    temperature: float = 0.04
    temperature_epochs: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Paper(Config):
    """ImageNet, as published for ViT-S/16, except for what the page above names."""

    val_fraction: float | None = 0.0
    epochs: int = 300
    batch_size: int = 1024
    learning_rate: float = 2e-3
    weight_decay: float = 0.04
    warmup_epochs: int = 10
    clip_norm: float = 0.0
    image_size: int = 224
    patch_size: int = 16
    width: int = 384
    depth: int = 12
    mlp_dim: int = 1536
    num_heads: int = 6
    class_token: bool = True
    position: str = "learned"
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    small_views: int = 10
    small_size: int = 96
    area: tuple[float, float] = (0.25, 1.0)
    small_area: tuple[float, float] = (0.05, 0.25)
    blur: tuple[float, float, float] = (1.0, 0.1, 0.5)
    solarize: tuple[float, float, float] = (0.0, 0.2, 0.0)
    drop_path: float = 0.1
    momentum: float = 0.996
    prototypes: int = 65536
    temperature: float = 0.07
    temperature_epochs: int = 30
    collapse_epochs: int = 10


PRESETS = {"small": Small, "paper": Paper}
TINY = dict(data="digits", epochs=2, validation_epochs=1, batch_size=32, warmup_epochs=0)
TINY |= dict(image_size=8, patch_size=2, width=16, depth=1, mlp_dim=32, num_heads=2)
TINY |= dict(val_fraction=None, small_views=1, small_size=4)
TINY |= dict(prototypes=16, projector=16, bottleneck=8)
SMOKE = (Paper(**TINY, temperature_epochs=1, export=True),)


def run(config):
    """Trains, evaluates and saves the backbone.

    Args:
        config: One of this page's configurations.

    Returns:
        A list of one `keras_vit.evaluation.Comparison` per file, or `None`: see
        `keras_vit.run.train`.

    Raises:
        ValueError: If a flag is out of its range or the data cannot be used.
    """
    import functools

    from keras_vit.run.views import run_views
    from keras_vit.tasks import dino, self_distilled_views
    from keras_vit.tasks.signs import sign_in_answers

    def build(shape, sheet, pixels):
        sizes = dict(prototypes=config.prototypes, hidden=config.projector)
        sizes |= dict(bottleneck=config.bottleneck, centring=config.centring)
        rises = config.temperature_epochs
        start = dict(temperature=config.first_temperature if rises else config.temperature)
        start |= dict(frozen=config.frozen_epochs > 0)
        return self_distilled_views(
            shape, sheet, **sizes, **start, pool=config.pool, pixels=pixels, **config.rates
        )

    def task_of(sheet, crops, steps):
        return dino(
            sheet,
            prototypes=config.prototypes,
            steps=config.epochs * steps,
            momentum=config.momentum,
            temperatures=(config.first_temperature, config.temperature),
            warmup_steps=config.temperature_epochs * steps,
            frozen_steps=config.frozen_epochs * steps,
            **crops,
        )

    return run_views(
        config,
        build,
        task_of,
        sign=functools.partial(sign_in_answers, prototypes=config.prototypes),
        advice="Lower --temperature or --learning-rate, or let --centring be below 1.",
    )


if __name__ == "__main__":
    run_recipe(run, PRESETS, __doc__)
