r"""Pictures without labels: views that agree, by LeJEPA (arXiv:2511.08544), on any source.

    python -m recipes.lejepa --data cifar10
    keras-vit finetune --data cifar10 --weights runs/lejepa/backbone.keras --image-size 32

Each picture is seen by several random crops in other colours. The embedding of each view must be
near the mean of those of the large views, while the embeddings of all pictures together stay a
standard Gaussian along random directions (SIGReg), so that they cannot be all alike. There is no
teacher, and one number, `--share`, weighs the two. Labels are ignored. The encoder is saved as
`backbone.keras`, which `keras-vit finetune`, `embed`, `explain` and `recipes.probe` take.

`small`, the default, is the model of `recipes.cifar10 --preset cpu`. `paper` has the settings of
ImageNet: ViT-B/16, two large and six small views; but a projector of one hidden layer with a
LayerNorm, where the authors' has two with BatchNorm, and other sizes. Not yet measured by us.
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
    """The flags of LeJEPA."""

    share: float
    """What SIGReg counts in the loss, from 0 to 1; the agreement of the views counts the rest."""
    together: int | None = None
    """Pictures whose embeddings are compared with a Gaussian, by default a whole batch; each device
    and micro-batch must hold a multiple of them."""
    embedding: int
    """Numbers of an embedding."""
    projector: int
    """Hidden units of the projector to it."""
    directions: int = 256
    """Random directions along which the embeddings are judged, new ones in each step."""
    run_dir: Annotated[str, Parameter(show_default=True)] = "runs/lejepa"
    export_dir: Annotated[str, Parameter(show_default=True)] = "saved_models/lejepa"

    def check(self):
        super().check()
        check_ranges(
            self,
            {
                "[0, 1]": (lambda x: 0 <= x <= 1, ("share",)),
                "[2, inf)": (lambda x: x >= 2, ("together",)),
                "[1, inf)": (lambda x: x >= 1, ("embedding", "projector", "directions")),
            },
        )
        if self.together and self.batch_size % self.together:
            raise UserError(
                "`batch_size` must be a multiple of `together`: received "
                f"batch_size={self.batch_size}, together={self.together}."
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Small(Config):
    """CIFAR-10 on two cores."""

    val_fraction: float | None = 0.02
    epochs: int = 6
    batch_size: int = 128
    optimizer: str = "muon"
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.05
    beta_2: float = 0.95
    warmup_epochs: int = 1
    validation_epochs: int = 2
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
    share: float = 0.04
    embedding: int = 64
    projector: int = 512


@dataclasses.dataclass(frozen=True, kw_only=True)
class Paper(Config):
    """ImageNet, as the authors recommend for Vision Transformers, but for the projector."""

    val_fraction: float | None = 0.0
    epochs: int = 100
    batch_size: int = 512
    learning_rate: float = 5e-4
    weight_decay: float = 0.05
    warmup_epochs: int = 10
    clip_norm: float = 0.0
    image_size: int = 224
    patch_size: int = 16
    width: int = 768
    depth: int = 12
    mlp_dim: int = 3072
    num_heads: int = 12
    class_token: bool = True
    position: str = "learned"
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    small_views: int = 6
    small_size: int = 96
    area: tuple[float, float] = (0.3, 1.0)
    small_area: tuple[float, float] = (0.05, 0.3)
    blur: tuple[float, float, float] = (0.5, 0.5, 0.5)
    solarize: tuple[float, float, float] = (0.2, 0.2, 0.2)
    share: float = 0.05
    embedding: int = 128
    projector: int = 2048
    directions: int = 1024


PRESETS = {"small": Small, "paper": Paper}
TINY = dict(data="digits", epochs=2, validation_epochs=1, batch_size=32, warmup_epochs=0)
TINY |= dict(image_size=8, patch_size=2, width=16, depth=1, mlp_dim=32, num_heads=2)
TINY |= dict(small_views=1, small_size=4, embedding=8, projector=16, directions=8)
TINY |= dict(patch_dropout=(0.5, 0.0), patch_dropout_epochs=(0, 1))
SMOKE = (Small(**TINY, val_fraction=None),)


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
    from keras_vit.run.views import run_views
    from keras_vit.tasks import lejepa, sketched_views
    from keras_vit.tasks.signs import sign_in_embeddings

    def build(shape, sheet, pixels):
        sizes = dict(width=config.embedding, hidden=config.projector)
        sizes |= dict(directions=config.directions)
        return sketched_views(
            shape, sheet, **sizes, pool=config.pool, pixels=pixels, **config.rates
        )

    def task_of(sheet, crops, steps):
        together = config.together or config.batch_size
        how = dict(width=config.embedding, together=together, share=config.share)
        return lejepa(sheet, **how, **crops)

    advice = "Raise --share, or the pictures of a batch."
    return run_views(config, build, task_of, sign=sign_in_embeddings, advice=advice)


if __name__ == "__main__":
    run_recipe(run, PRESETS, __doc__)
