"""Reads one picture file as the pixels that a model takes."""

import numpy as np
from PIL import Image

from keras_vit.errors import UserError
from keras_vit.images.decode import decode_picture

ROUNDING = {"round": np.round, "floor": np.floor}  # of halves, to even


def read_image(picture, preprocessing, *, channels=3, formats=None):
    """Reads a picture, upright, resized and cropped, as `(H, W, C)`, uint8, 0 to 255.

    A grey picture is repeated for a model of three channels; a coloured one is never turned into
    grey. Alpha is dropped, and 16 bits become 8.

    Args:
        picture: Path or bytes of a picture that Pillow reads.
        preprocessing: A `keras_vit.images.preprocessing.Preprocessing` with an `image_size`, which
            is `(H, W)`.
        channels: Channels `C` of the model, 1 or 3.
        formats: Formats that the file may have, such as `("JPEG", "PNG")`; `None` allows all that
            Pillow reads.

    Returns:
        The pixels, an array `(H, W, C)`, uint8.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If `keras_vit.images.decode.decode_picture` refuses it, `channels` is neither 1
            nor 3, or the model takes one channel and the picture is coloured.
    """
    pixels = decode_picture(picture, formats)
    if channels not in (1, 3):
        raise UserError(f"Picture files hold 1 or 3 channels: the model takes {channels}.")
    if channels == 1 and pixels.shape[2] == 3:
        if (pixels != pixels[..., :1]).any():
            name = "the picture" if isinstance(picture, bytes) else picture
            raise UserError(f"The model takes 1 channel: {name} has 3 (RGB).")
        pixels = pixels[..., :1]
    elif channels == 3:
        pixels = np.repeat(pixels, 3 // pixels.shape[2], axis=2)
    return crop_pixels(pixels, preprocessing)


def crop_pixels(pixels, preprocessing):
    """Resizes a picture `(h, w, C)`, uint8, and crops its middle `(H, W, C)`, uint8.

    Args:
        pixels: The picture, `C` 1 or 3.
        preprocessing: A `keras_vit.images.preprocessing.Preprocessing` with an `image_size`, which
            is `(H, W)`.

    Returns:
        The image `(H, W, C)`, uint8, resized by Pillow.
    """
    size = preprocessing.image_size
    (height, width), (top, left) = placed(pixels.shape[:2], preprocessing)
    if (height, width) != pixels.shape[:2]:
        image = Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[..., 0])
        kernel = Image.Resampling[preprocessing.interpolation.upper()]
        image = image.resize((width, height), kernel)
        pixels = np.asarray(image).reshape(height, width, pixels.shape[2])
    return pixels[top : top + size[0], left : left + size[1]]


def placed(size, preprocessing):
    """Returns where the crop of a picture lies.

    Args:
        size: Height and width of the picture.
        preprocessing: A `keras_vit.images.preprocessing.Preprocessing` with an `image_size`.

    Returns:
        Height and width to which the picture is resized, and row and column of the crop in that.
    """
    old, new = np.array(size), np.array(preprocessing.resized)
    if preprocessing.fit == "keep" and (old >= new).all():
        new = old
    elif preprocessing.fit != "squash":
        covered, binding = new, np.argmax(new / old)  # the side that must be enlarged most
        new = np.maximum(covered, covered[binding] * old // old[binding])
    corner = ROUNDING[preprocessing.crop_offset]((new - preprocessing.image_size) / 2)
    return tuple(map(int, new)), tuple(map(int, corner))
