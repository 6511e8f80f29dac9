"""Your own pictures: a Vision Transformer trained from scratch on a folder of class folders.

    keras-vit check-data my_pictures
    python -m recipes.folder --data my_pictures

The folder holds `train/<class>/*.jpg` and `test/<class>/*.jpg`; or only `<class>/*.jpg`, a tenth of
which then becomes the test split. `--data` may also be a .csv or .jsonl file with the columns
`path` and `label`.

A Vision Transformer that is trained from scratch needs many pictures: with fewer than some hundreds
per class expect little, and use `recipes.finetune`.
The model is that of `recipes.cifar10 --preset cpu`, on pictures of 64x64 pixels.
"""

import dataclasses

from keras_vit.data import open_source
from keras_vit.data.augment import chain, trivial_augment
from keras_vit.errors import UserError
from keras_vit.images.preprocessing import Preprocessing
from keras_vit.models import ViTConfig, vit
from keras_vit.run import Flip, Mixing, RandomCrops, open_devices, run_recipe, train
from keras_vit.tasks import classifier


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(RandomCrops, Flip, Mixing):
    """The recipe for a folder."""

    data: str = ""
    """A folder of class folders, or a .csv or .jsonl file."""
    test_fraction: float | None = None
    """Share of the pictures that becomes the test split where there is none; by default 0.1."""
    epochs: int = 30
    batch_size: int = 64
    optimizer: str = "muon"
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    beta_2: float = 0.95
    warmup_epochs: int = 2
    label_smoothing: float = 0.1
    image_size: int = 64
    """Side of the images in pixels, to which pictures are cropped and resized."""
    patch_size: int = 8
    """Side of a patch in pixels."""
    width: int = 192
    """Width of the model: numbers per token."""
    depth: int = 6
    """Transformer blocks."""
    num_heads: int = 3
    """Attention heads per block."""
    drop_path: float = 0.1
    """Stochastic depth: rate at which the last block is skipped in training."""
    trivial_augment: bool = True
    """Whether TrivialAugment changes colour and geometry."""
    run_dir: str = "runs/folder"
    export_dir: str = "saved_models/folder"


SMOKE = (
    Config(epochs=2, batch_size=4, warmup_epochs=1, image_size=16, width=16, depth=1, num_heads=2),
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
    if not config.data:
        raise UserError("`data` must name a folder of class folders: --data my_pictures.")
    devices = open_devices(config)
    shape = ViTConfig(
        image_size=config.image_size,
        patch_size=config.patch_size,
        width=config.width,
        depth=config.depth,
        mlp_dim=2 * config.width,
        num_heads=config.num_heads,
        class_token=False,
        position="sincos_2d",
    )
    source = open_source(config.data, test_fraction=config.test_fraction)
    return train(
        config,
        devices,
        source,
        lambda names: classifier(
            vit(shape, drop_path=config.drop_path), len(names), class_names=names
        ),
        task=config.classification(source.class_names),
        crop=config.random_crop(config.image_size),
        preprocessing=Preprocessing(image_size=config.image_size, crop_ratio=0.875),
        augment=chain(*config.flips, *([trivial_augment] if config.trivial_augment else [])),
        bigger=["python", "-m", "recipes.folder", "--data", config.data]
        + ["--image-size", "128", "--patch-size", "16"],
    )


if __name__ == "__main__":
    run_recipe(run, Config, __doc__)
