"""Train a small Vision Transformer from scratch on your own pictures.

    keras-vit check-data my_pictures
    keras-vit train --data my_pictures

The folder holds `train/<class>/*.jpg` and `test/<class>/*.jpg`; or only `<class>/*.jpg`, a tenth of
which then becomes the test split. `--data` also takes a .csv or .jsonl file with the columns `path`
and `label`, digits, and sets of TensorFlow Datasets.

A Vision Transformer that is trained from scratch needs many pictures: with fewer than some hundreds
per class expect little, and use `keras-vit finetune`.
"""

import dataclasses
import functools

from keras_vit.run.any_source import AnySource
from keras_vit.run.augmentation import AugmentationName
from keras_vit.run.small_data import SmallData


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(AnySource, SmallData):
    """The flags of training from scratch."""

    epochs: int = 30
    batch_size: int = 64
    optimizer: str = "muon"
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    beta_2: float = 0.95
    warmup_epochs: int = 2
    label_smoothing: float = 0.1
    image_size: int = 64
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
    augment: AugmentationName = "trivial-augment"


def run(config):
    """Trains, evaluates, exports and compares.

    Args:
        config: A `Config`.

    Returns:
        A list of one `keras_vit.evaluation.Comparison` per file, or `None`: see
        `keras_vit.run.train`.

    Raises:
        ValueError: If a flag is out of its range or the data cannot be used.
    """
    from keras_vit.models import ViTConfig, vit
    from keras_vit.run.devices import open_devices
    from keras_vit.run.folds import cross_validate
    from keras_vit.run.training import train
    from keras_vit.tasks import classifier

    devices = open_devices(config)
    config, source = config.opened()
    source = config.sized(source)
    shape = ViTConfig(
        image_size=config.image_size,
        patch_size=config.patch_size,
        channels=source.splits["train"].channels,
        width=config.width,
        depth=config.depth,
        mlp_dim=2 * config.width,
        num_heads=config.num_heads,
        class_token=False,
        position="sincos_2d",
        stem=config.stem,
        stem_blocks=config.stem_blocks,
        locality=config.locality,
    )
    moves, cropping = config.cropping(source)
    task = config.classification(source)
    run_one = functools.partial(
        train,
        devices=devices,
        build=lambda names: classifier(
            vit(shape, drop_path=config.drop_path),
            len(names),
            pool=config.pool,
            class_names=names,
        ),
        task=task,
        augment=config.stages(*config.flips, *moves),
        bigger=["keras-vit", "train", "--data", config.data]
        + ["--image-size", "128", "--patch-size", "16"],
        **cropping,
    )
    return cross_validate(config, source, task, run_one)
