r"""Detection: boxes around objects, from weights that were trained on photographs.

    python -m recipes.detect --data bccd --weights vit_tiny.safetensors
    python -m recipes.detect --data pennfudan --weights vit_tiny.safetensors

`--data` is a folder with annotations of Pascal VOC or COCO, or another source whose pictures have
boxes. The classes are those of the data.

A plain backbone gets a simple feature pyramid (arXiv:2203.16527) and an anchor-free head, each of
whose points learns the true box that it is aligned with best (arXiv:2108.07755). Pictures of any
shape are resized to `--image-size`. Training sees them scaled by `--scales`, cropped or shifted at
random, mirrored, and changed in colour.

`--head tokens` is the other way to detect, set prediction (arXiv:2106.00666): registers are
detection tokens, each of which answers with a box or with none. It needs far more pictures.
"""

import dataclasses
import functools
from typing import Literal

from keras_vit.errors import UserError, needs_extra
from keras_vit.images.preprocessing import Preprocessing
from keras_vit.run import Augmentation, AugmentationName, run_recipe
from keras_vit.run.augmentation import check_moves_nothing


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Augmentation):
    """The recipe of detection."""

    data: str = ""
    """A folder with annotations of Pascal VOC or COCO, or another source of boxes."""
    weights: str = ""
    """A checkpoint: .safetensors, .npz, a folder that holds one, a .keras file, hf:owner/name."""
    image_size: tuple[int, int] = (240, 320)
    """Height and width in pixels that pictures are resized to."""
    window: int = 0
    """Side in patches of the windows within which all but four blocks attend, for large pictures.
    It divides the grid of patches. 0: all blocks attend to the whole picture."""
    head: Literal["dense", "tokens"] = "dense"
    """How boxes are found: by the points of a pyramid, or by tokens that answer with one each."""
    width: int = 128
    """Channels of the pyramid and of the dense head."""
    depth: int = 2
    """Convolutions of the dense head, for classes and for boxes each."""
    tokens: int = 0
    """Tokens of the other head, more than a picture has boxes; 0: those of a detector, or 100."""
    auxiliary: int = 0
    """How many blocks before the last one the tokens of the other head also learn from."""
    scales: tuple[float, float] = (0.7, 1.4)
    """Smallest and largest factor by which a training picture is scaled before it is cropped."""
    mosaic: float = 0.0
    """Share of the training pictures that are put together from quarters of four."""
    box_weight: float = 5.0
    """How much the place of a box counts in the loss beside its class."""
    threshold: float = 0.5
    """Score from which on a box is listed and drawn; the scores of the test take all boxes."""
    augment: AugmentationName = "colour-jitter"
    """Published augmentation of colour; boxes do not follow one that moves pixels."""
    epochs: int = 50
    batch_size: int = 8
    learning_rate: float = 5e-4
    weight_decay: float = 0.05
    warmup_epochs: int = 2
    layer_decay: float = 0.75
    drop_path: float = 0.1
    """Stochastic depth: rate at which the last block is skipped in training."""
    validation_epochs: int = 5
    run_dir: str = "runs/detect"
    export_dir: str = "saved_models/detect"

    def check(self):
        super().check()
        for name in ("data", "weights"):
            if not getattr(self, name):
                raise UserError(f"`{name}` must be given: --data bccd --weights vit.safetensors.")
        if min(self.image_size) < 1:
            raise UserError(f"`image_size` must be at least 1: received {self.image_size}.")
        if not 0 < self.scales[0] <= self.scales[1]:
            raise UserError(f"`scales` must be a smallest and a largest: received {self.scales}.")
        for name in ("threshold", "mosaic"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"`{name}` must lie in [0, 1]: received {getattr(self, name)}.")
        if self.mosaic and self.batch_size % 4:
            raise UserError(
                "With `mosaic`, `batch_size` must be divisible by four: received "
                f"{self.batch_size}."
            )
        if self.window and self.head == "tokens":
            raise UserError(f"Tokens see no windows: received window={self.window}.")
        for name in ("window", "tokens", "auxiliary"):
            if getattr(self, name) < 0:
                raise UserError(f"`{name}` must be at least 0: received {getattr(self, name)}.")
        if not 0 < self.box_weight < float("inf"):
            raise UserError(f"`box_weight` must lie in (0, inf): received {self.box_weight}.")


TOKENS = 100  # as YOLOS has
# The tests give it data and the weights of a tiny model.
TINY = dict(image_size=(32, 32), epochs=2, batch_size=4, warmup_epochs=0, validation_epochs=1)
SMOKE = (
    Config(width=8, depth=1, mosaic=0.5, window=2, **TINY),
    Config(head="tokens", tokens=5, **TINY),
)


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
    from keras_vit.checkpoints import load, recognise
    from keras_vit.data import centre_crop, open_source
    from keras_vit.data.augment import as_one, mosaic, random_scale_crop
    from keras_vit.run import open_devices, train
    from keras_vit.tasks import detection, detector, token_detector

    with needs_extra("detect"):  # now, and not when the trained model is scored
        import faster_coco_eval  # noqa: F401
    devices = open_devices(config)
    check_moves_nothing(config.augment)
    source = open_source(config.data)
    source.require(("boxes", "box_labels"), "This recipe")
    task = detection(
        source.only(("boxes", "box_labels")).class_names,
        head=config.head,
        threshold=config.threshold,
        box_weight=config.box_weight,
    )
    checkpoint = recognise(config.weights)
    print(f"{config.weights}: {checkpoint}")
    preprocessing = Preprocessing(image_size=config.image_size, fit="squash")
    scaled = functools.partial(random_scale_crop, size=config.image_size, scale=config.scales)

    def build(names):
        backbone = load(
            checkpoint,
            image_size=config.image_size,
            num_registers=_registers(config, checkpoint.architecture),
            window=config.window or None,
            num_classes=0,
            drop_path=config.drop_path,
        )
        if config.head == "tokens":
            last = checkpoint.architecture.config.depth - 1
            deep = range(last - config.auxiliary, last)
            blocks = [f"block{index:02d}" for index in deep]
            return token_detector(backbone, len(names), auxiliary=blocks)
        return detector(backbone, len(names), width=config.width, depth=config.depth)

    return train(
        config,
        devices,
        source,
        build,
        task=task,
        crop=functools.partial(centre_crop, preprocessing=preprocessing),
        augment=config.stages(
            as_one(scaled, *config.flips),
            *([functools.partial(mosaic, rate=config.mosaic)] if config.mosaic else []),
            mean=checkpoint.architecture.mean,
            std=checkpoint.architecture.std,
        ),
        preprocessing=preprocessing,
        bigger=["python", "-m", "recipes.detect", "--epochs", str(2 * config.epochs)]
        + ["--data", config.data, "--weights", config.weights, "--head", config.head],
    )


def _registers(config, architecture):
    """Returns how many registers the backbone gets; `None` keeps those of the checkpoint."""
    if config.head == "dense":
        return None
    return config.tokens or (None if architecture.detector else TOKENS)


if __name__ == "__main__":
    run_recipe(run, Config, __doc__)
