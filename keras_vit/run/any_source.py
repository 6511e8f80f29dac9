"""The flags of commands that train on any source, and what they make of it."""

import dataclasses
import functools
from typing import Annotated

from cyclopts import Group, Parameter

from keras_vit.errors import UserError
from keras_vit.run.augmentation import Augmentation
from keras_vit.run.pictures import open_with_test
from keras_vit.run.shared_flags import Mixing, RandomCrops

MUST = Parameter(group=Group("Must be given", sort_key=0), show_default=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnySource(RandomCrops, Augmentation, Mixing):
    """A command that trains a classifier on whatever `keras_vit.data.open_source` opens."""

    data: Annotated[str, MUST, Parameter(name=("--data", "--source"))] = ""
    """A folder, a .csv or .jsonl file, digits, or the name of a TFDS set such as cifar10."""
    data_dir: str | None = None
    """Folder of prepared TFDS sets; by default TFDS_DATA_DIR, else that of TFDS."""
    test_fraction: float | None = None
    """Share of the test split where a folder or table has none; by default 0.1."""
    train_share: float = 1.0
    """Share of the training examples that is used, the same ones each time and of each class."""
    folds: int = 0
    """Number of parts for cross-validation, each left out once; 0 is none."""
    image_size: int
    """Side of the images in pixels, to which pictures are cropped and resized."""
    crop_ratio: float = 0.875
    """Share of a picture's short side that evaluation sees, in the middle."""
    padding: int = 4
    """Largest random shift per 32 pixels of the side, for sets in memory such as cifar10."""
    run_dir: Annotated[str, Parameter(show_default=lambda _: "runs/DATA")] = ""
    export_dir: Annotated[str, Parameter(show_default=lambda _: "saved_models/DATA")] = ""

    def check(self):
        super().check()
        if not self.data:
            raise UserError("`data` must be given: --data my_pictures.")
        for name, least in (("image_size", 1), ("padding", 0), ("folds", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UserError(f"`{name}` must be at least {least}: received {value}.")

    def opened(self):
        """Opens the source.

        Returns:
            This configuration, whose folders have the name of the source where none was given; and
            a `keras_vit.data.Source`.

        Raises:
            ValueError: If the source cannot be opened.
        """
        from keras_vit.data import take_share

        how = dict(data_dir=self.data_dir, test_fraction=self.test_fraction)
        source = take_share(open_with_test(self.data, **how), self.train_share)
        places = {"run_dir": "runs", "export_dir": "saved_models"}
        places = {
            name: getattr(self, name) or f"{folder}/{source.name}"
            for name, folder in places.items()
        }
        return dataclasses.replace(self, **places), source

    def sized(self, source):
        """Returns a source whose images in memory have the size of the flags."""
        if not _is_in_memory(source):
            return source
        splits = {name: split.resized(self.image_size) for name, split in source.splits.items()}
        return dataclasses.replace(source, splits=splits)

    def cropping(self, source):
        """Returns the stages that move images in memory, and how pictures become images.

        Args:
            source: What `sized` returned.

        Returns:
            A list of stages, empty for pictures; and the arguments `crop` and `preprocessing` of
            `keras_vit.run.train`, empty for images in memory.
        """
        from keras_vit.data.augment import random_crop
        from keras_vit.images.preprocessing import Preprocessing

        size = self.image_size
        if _is_in_memory(source):
            return [functools.partial(random_crop, padding=self.padding * size // 32)], {}
        preprocessing = Preprocessing(image_size=size, crop_ratio=self.crop_ratio)
        return [], dict(crop=self.random_crop(size), preprocessing=preprocessing)


def scale_of_pixels(config, channels):
    """Returns mean and standard deviation of the pixels, as `keras_vit.models.vit` takes them.

    Args:
        config: Flags with `mean` and `std`, one number for each of three channels.
        channels: Number of channels of the images; of other than three, the mean counts.
    """
    import numpy as np

    pixels = {name: getattr(config, name) for name in ("mean", "std")}
    if channels == 3:
        return pixels
    return {name: float(np.mean(values)) for name, values in pixels.items()}


def _is_in_memory(source):
    return source.splits["train"].image_shape is not None
