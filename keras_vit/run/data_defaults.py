"""Flags of fine-tuning that follow the data where nobody gives them."""

import dataclasses
import itertools
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from keras_vit.data import hold_out
from keras_vit.images.decode import decode_picture
from keras_vit.run.any_source import AnySource

LOOKED_AT = 64  # pictures whose size and colours are read
ENLARGED = 4  # largest factor by which a picture's short side is enlarged
PASSES = 8000  # pictures of 224 pixels that a training sees: ten minutes on two cores
EPOCHS = 3, 30  # fewest and most
SMALLEST = 0.7  # of the checkpoint's own side, where many pictures must be smaller
BATCHES = ((1000, 16), (10_000, 32))  # images of a step up to a number of pictures; 64 above


class Look(NamedTuple):
    """What a glance at a split shows.

    Attributes:
        side: Median of the short sides of the pictures, in pixels.
        is_grey: Whether no picture has a colour.
    """

    side: int
    is_grey: bool


def look_at(split):
    """Reads size and colours of 64 pictures that lie evenly in a split; broken ones are left out.

    Args:
        split: A split of a `keras_vit.data.Source`.

    Returns:
        A `Look`; of a split without a picture that can be read, a side of 0.
    """
    split = getattr(split, "original", None) or split
    if split.subset is not None:
        places = np.linspace(0, split.count - 1, min(LOOKED_AT, split.count)).astype(int)
        split = split.subset(places)
    sides, coloured = [], False
    for example in itertools.islice(split.each(), LOOKED_AT):
        try:
            picture = example()["image"]
            pixels = picture if isinstance(picture, np.ndarray) else decode_picture(picture)
        except (ValueError, tf.errors.OpError):
            continue
        sides.append(min(pixels.shape[:2]))
        coloured |= bool((pixels != pixels[..., :1]).any())
    return Look(int(np.median(sides)) if sides else 0, not coloured)


def follow_data(config, source, checkpoint, *, parts):
    """Chooses the flags that are `None`, and prints the choice on a line.

    - `image_size`: that of the checkpoint, or less where pictures would be enlarged more than four
      times; where there are more than 2,700 of them, down to 0.7 of it. A multiple of the patch.
    - `epochs`: as many as give 8,000 pictures of 224 pixels, or their cost in smaller ones;
      between 3 and 30.
    - `batch_size`: 12 to 16 below 1,000 training pictures, 24 to 32 below 10,000, then 48 to 64:
      the size that leaves the fewest pictures out of the last batch of a pass.
    - `learning_rate`: 1e-3 for batches of 16, and in proportion to the root of the batch size.
    - `warmup_epochs`: a tenth of the epochs, at least one.
    - `crop_ratio`: 0.875, or 1 where pictures are no larger than the images: small ones are often
      cut out, and show what they are about up to the edge.
    - `flip`: whether the pictures have colours. Grey ones are digits, letters or scans more often
      than not.

    Args:
        config: The flags of fine-tuning.
        source: A `keras_vit.data.Source`.
        checkpoint: The `keras_vit.checkpoints.RecognisedCheckpoint` of the weights.
        parts: Into how many parts a batch is split, on devices and one after the other.

    Returns:
        The flags, none of which is `None`.
    """
    train = source.splits["train"]
    if config.val_fraction != 0 and not config.folds:
        train = hold_out(source, config.val_fraction).splits["train"]
    count = train.count * (config.folds - 1) // config.folds if config.folds else train.count
    look = look_at(train)
    patch = config.patch_size or checkpoint.architecture.config.patch_size
    native = min(checkpoint.architecture.config.image_size)
    given = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}

    def value(name, chosen):
        return chosen if given[name] is None else given[name]

    size = value("image_size", _size(native, patch, look.side, count))
    epochs = value("epochs", _epochs(count, size))
    batch = value("batch_size", _batch(count, parts))
    chosen = dict(
        image_size=size,
        epochs=epochs,
        batch_size=batch,
        learning_rate=value("learning_rate", float(f"{1e-3 * (batch / 16) ** 0.5:.1e}")),
        warmup_epochs=value("warmup_epochs", min(max(1, round(epochs / 10)), epochs - 1)),
        crop_ratio=value("crop_ratio", AnySource.crop_ratio if look.side > size else 1.0),
        flip=value("flip", not look.is_grey),
    )
    mine = {name: choice for name, choice in chosen.items() if given[name] is None}
    if train.image_shape is not None:  # images in memory are used whole
        mine.pop("crop_ratio", None)
    if mine:
        flags = ", ".join(_flag(*pair) for pair in mine.items())
        colour = "grey " if look.is_grey else ""
        print(f"For {count:,} {colour}training pictures of {look.side} pixels: {flags}.")
    return dataclasses.replace(config, **chosen)


def _size(native, patch, side, count):
    """Returns the side of the images, a multiple of the patch."""
    affordable = native * np.clip(np.sqrt(PASSES / EPOCHS[0] / max(count, 1)), SMALLEST, 1)
    most = int(min(affordable, max(ENLARGED * side, 4 * patch)))
    return max(most // patch, 1) * patch


def _epochs(count, size):
    fewest, most = EPOCHS
    return int(np.clip(round(PASSES * (224 / size) ** 2 / count), fewest, most))


def _batch(count, parts):
    """Returns the size of a batch, a multiple of `parts`."""
    largest = next((size for limit, size in BATCHES if count < limit), 64)
    sizes = [size for size in range(largest * 3 // 4, largest + 1) if size % parts == 0]
    if not sizes or count <= largest:
        return max(min(count, largest // 2) // parts, 1) * parts
    return min(sizes, key=lambda size: (count % size, -size))


def _flag(name, choice):
    words = name.replace("_", "-")
    if isinstance(choice, bool):
        return f"--{'' if choice else 'no-'}{words}"
    return f"--{words} {choice:g}"
