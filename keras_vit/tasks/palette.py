"""Colours of classes, and pictures of masks."""

import colorsys

import numpy as np
from PIL import Image

from keras_vit.errors import UserError

GREY = (128, 128, 128)  # of ids that are no class, such as void
SHARE = 0.5  # of the colour in an overlay


def palette(count):
    """Returns colours of `K` classes that differ well, uint8 `(K, 3)`.

    Hues follow each other by the golden ratio; lightness alternates.
    """
    colours = [
        colorsys.hls_to_rgb(index * 0.618034 % 1, (0.45, 0.65, 0.3)[index % 3], 0.85)
        for index in range(count)
    ]
    return np.round(255 * np.array(colours).reshape(count, 3)).astype("uint8")


def coloured(mask, count):
    """Colours a mask.

    Args:
        mask: Ids of classes `(H, W)`.
        count: Number of classes; other ids are grey.

    Returns:
        An image `(H, W, 3)`, uint8.
    """
    colours = np.concatenate([palette(count), [GREY]]).astype("uint8")
    is_class = (mask >= 0) & (mask < count)
    return colours[np.where(is_class, mask, count)]


def overlay(image, colours):
    """Lays a coloured mask over an image.

    Args:
        image: The image `(H, W, C)`, 0 to 255, of one or three channels.
        colours: The coloured mask `(H, W, 3)`, uint8.

    Returns:
        An image `(H, W, 3)`, uint8.
    """
    mixed = (1 - SHARE) * image.astype("float32") + SHARE * colours
    return np.round(mixed).astype("uint8")


def palette_image(mask, count):
    """Makes a picture whose pixels are the ids of a mask `(H, W)` and whose palette colours them.

    Args:
        mask: Ids of classes from 0 to 255.
        count: Number of classes.

    Returns:
        A `PIL.Image` of the mode `P`.

    Raises:
        ValueError: If there are more classes than a palette has colours.
    """
    if count > 256:
        raise UserError(f"A palette picture holds at most 256 classes: received {count}.")
    picture = Image.fromarray(mask.astype("uint8"), "L")
    picture.putpalette(palette(count).tobytes() + bytes(GREY) * (256 - count))
    return picture
