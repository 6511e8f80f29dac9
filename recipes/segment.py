r"""Semantic segmentation: a class for each pixel, from weights that were trained on photographs.

    python -m recipes.segment --data camvid --weights vit_tiny.safetensors
    python -m recipes.segment --data camvid --weights vit_tiny.safetensors --head masks

`--data` is a folder with `train/images/*`, `train/masks/*` and the like for `val` and `test`: a
mask is a PNG whose pixels are ids of classes. The defaults are those of CamVid: 11 classes, and
void.

Pictures are enlarged by `--enlarge`, so that a patch covers less of them. Training sees random
crops of `--crop-size`, scaled further by `--scales`, mirrored, and changed in colour. The model
that is saved takes whole pictures of `--image-size`: it enlarges them, answers windows of the
crop's size that overlap, and averages them.
"""

import dataclasses
import functools

from keras_vit.errors import UserError
from keras_vit.images.preprocessing import Preprocessing
from keras_vit.run import Augmentation, AugmentationName, run_recipe
from keras_vit.run.augmentation import check_moves_nothing

CAMVID = (
    "sky",
    "building",
    "pole",
    "road",
    "pavement",
    "tree",
    "sign",
    "fence",
    "car",
    "pedestrian",
    "bicyclist",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Augmentation):
    """The recipe of segmentation."""

    data: str = ""
    """A folder with images/ and masks/ below each of train/ and test/."""
    weights: str = ""
    """A checkpoint: .safetensors, .npz, a folder that holds one, a .keras file, hf:owner/name."""
    class_names: tuple[str, ...] = CAMVID
    """Names of the classes in the order of their ids in the masks."""
    void: int = 11
    """The id of pixels that count nowhere, also of those outside of a moved picture."""
    head: str = "side"
    """linear; masks, a transformer with a token for each class; or side, with convolutions."""
    image_size: tuple[int, int] = (360, 480)
    """Height and width in pixels of the pictures that the trained model takes."""
    crop_size: tuple[int, int] = (256, 256)
    """Height and width in pixels of the crops that it is trained on."""
    enlarge: float = 1.6
    """Factor by which pictures are enlarged, in training and by the model that is saved."""
    also_enlarge: tuple[float, ...] = ()
    """More factors at which the saved model answers a picture; it averages over all of them."""
    scales: tuple[float, float] = (0.45, 1.25)
    """Smallest and largest factor by which a training picture is scaled as well."""
    augment: AugmentationName = "colour-jitter"
    """Published augmentation of colour; masks do not follow one that moves pixels."""
    class_balance: float = 0.25
    """Power by which rare classes count more in the loss: 0 is not at all, 1 evens them out."""
    epochs: int = 40
    batch_size: int = 8
    learning_rate: float = 7e-4
    weight_decay: float = 0.05
    warmup_epochs: int = 2
    schedule: str = "linear"
    layer_decay: float = 0.75
    drop_path: float = 0.1
    """Stochastic depth: rate at which the last block is skipped in training."""
    dropout: float = 0.1
    """Dropout rate before the logits."""
    validation_epochs: int = 5
    run_dir: str = "runs/segment"
    export_dir: str = "saved_models/segment"

    def check(self):
        super().check()
        for name in ("data", "weights"):
            if not getattr(self, name):
                raise UserError(f"`{name}` must be given: --data camvid --weights vit.safetensors.")
        for name in ("image_size", "crop_size"):
            if min(getattr(self, name)) < 1:
                raise UserError(f"`{name}` must be at least 1: received {getattr(self, name)}.")
        for name, factors in (("enlarge", [self.enlarge]), ("also_enlarge", self.also_enlarge)):
            if wrong := [factor for factor in factors if not 1 <= factor < float("inf")]:
                raise UserError(f"`{name}` must lie in [1, inf): received {wrong[0]}.")
        if not 0 < self.scales[0] <= self.scales[1]:
            raise UserError(f"`scales` must be a smallest and a largest: received {self.scales}.")
        if not 0 <= self.class_balance <= 1:
            raise UserError(f"`class_balance` must lie in [0, 1]: received {self.class_balance}.")

    @property
    def middle(self):
        """How validation during the training cuts the middle out of an enlarged picture."""
        pairs = zip(self.crop_size, self.image_size, strict=True)
        ratio = min(1.0, max(crop / (self.enlarge * whole) for crop, whole in pairs))
        return Preprocessing(image_size=self.crop_size, crop_ratio=ratio)


# The tests give it data and the weights of a tiny model.
TINY = dict(
    class_names=("dark", "bright"),
    void=255,
    image_size=(24, 32),
    crop_size=(16, 16),
    epochs=2,
    batch_size=4,
    warmup_epochs=0,
    validation_epochs=1,
)
SMOKE = (Config(**TINY),)


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
    from keras_vit.data.augment import as_one, random_scale_crop
    from keras_vit.run import open_devices, train
    from keras_vit.tasks import segmentation, segmenter

    devices = open_devices(config)
    check_moves_nothing(config.augment)
    source = open_source(config.data)
    source.require(("mask",), "This recipe")
    checkpoint = recognise(config.weights)
    print(f"{config.weights}: {checkpoint}")
    preprocessing = Preprocessing(image_size=config.image_size, fit="squash")
    factors = tuple(config.enlarge * scale for scale in config.scales)
    scaled = functools.partial(random_scale_crop, size=config.crop_size, scale=factors)

    def build(names):
        backbone = load(
            checkpoint,
            image_size=config.crop_size,
            num_classes=0,
            drop_path=config.drop_path,
        )
        return segmenter(backbone, len(names), head=config.head, dropout=config.dropout)

    scales = config.enlarge, *config.also_enlarge
    how = dict(void=config.void, size=config.image_size, enlarge=scales)
    weights = None
    if config.class_balance:
        weights = _class_weights(config, source.splits["train"], preprocessing)
    return train(
        config,
        devices,
        source,
        build,
        task=segmentation(config.class_names, class_weights=weights, **how),
        crop=functools.partial(centre_crop, preprocessing=preprocessing, void=config.void),
        augment=config.stages(
            as_one(scaled, *config.flips, void=config.void),
            mean=checkpoint.architecture.mean,
            std=checkpoint.architecture.std,
        ),
        preprocessing=preprocessing,
        validation=config.middle,
        bigger=["python", "-m", "recipes.segment", "--epochs", str(2 * config.epochs)]
        + ["--data", config.data, "--weights", config.weights, "--head", config.head]
        + ["--class-names", *config.class_names, "--void", str(config.void)],
    )


def _class_weights(config, split, preprocessing):
    """Returns what a pixel of each class counts; on average over the pixels it is one."""
    import numpy as np

    from keras_vit.data import fitted_batches
    from keras_vit.data.labels import explain_labels
    from keras_vit.tasks import segmentation

    counts = np.zeros(len(config.class_names))
    example = segmentation(config.class_names, void=config.void).example
    batches = fitted_batches(split, preprocessing, batch_size=16, example=example)
    with explain_labels():
        for _, masks in batches.as_numpy_iterator():
            counts += np.bincount(masks[masks != config.void], minlength=len(counts))
    shares = np.maximum(counts, 1) / max(1, counts.sum())
    weights = shares**-config.class_balance
    return (weights / (weights * shares).sum()).tolist()


if __name__ == "__main__":
    run_recipe(run, Config, __doc__)
