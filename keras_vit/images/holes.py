"""Pictures with holes: one more channel, alpha, is 255 where pixels are known and 0 where not."""

import numpy as np

from keras_vit.errors import UserError
from keras_vit.images.decode import decode_picture

KNOWN = 128  # alpha from which on a pixel is known; brightness of a mask from which on it is not


def colours(image):
    """Returns the channels of an image `(..., C)` without its alpha: one, or three."""
    return image[..., : 3 if image.shape[-1] > 2 else 1]


def missing_in(image):
    """Says which pixels of an image with alpha are missing.

    Args:
        image: Image `(..., C+1)`, 0 to 255.

    Returns:
        Booleans `(...)`.
    """
    return image[..., -1] < KNOWN


def with_alpha(picture, missing):
    """Adds alpha to a picture.

    Args:
        picture: Pixels `(..., C)`, uint8.
        missing: Which are missing, booleans `(...)`.

    Returns:
        An image `(..., C+1)`, uint8.
    """
    alpha = np.where(missing, 0, 255).astype("uint8")
    return np.concatenate([picture, alpha[..., None]], axis=-1)


def read_mask(path):
    """Reads the mask of a hole.

    Args:
        path: A picture without colours; pixels of 128 and more of 255 are missing.

    Returns:
        Booleans `(H, W)`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no picture, has colours, or is black or white all over.
    """
    mask = decode_picture(path)
    if (mask != mask[..., :1]).any():
        raise UserError(f"A mask must be black and white: {path} has colours.")
    missing = mask[..., 0] >= KNOWN
    if not missing.any():
        raise UserError(f"A mask must be white where pixels are to be filled: {path} is all black.")
    if missing.all():
        raise UserError(f"A mask must be black where pixels are known: {path} is all white.")
    return missing


def read_with_hole(picture, mask=None, formats=None):
    """Reads a picture with a hole.

    Args:
        picture: Path or bytes of a picture; pixels whose alpha is below 128 of 255 are missing.
        mask: What else is missing, booleans `(H, W)`; `None` for nothing.
        formats: Formats that it may have, as `keras_vit.images.decode.decode_picture` takes them.

    Returns:
        An image `(H, W, C+1)`, uint8.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no picture, the mask has another size, or no pixel or all are missing.
    """
    name = "The picture" if isinstance(picture, bytes) else str(picture)
    pixels = decode_picture(picture, formats, alpha=True)
    has_alpha = pixels.shape[2] in (2, 4)
    missing = missing_in(pixels) if has_alpha else np.zeros(pixels.shape[:2], bool)
    if mask is not None:
        if mask.shape != missing.shape:
            (height, width), (rows, columns) = missing.shape, mask.shape
            raise UserError(
                f"A mask must have the size of its picture: {name} has {width} by {height} pixels, "
                f"the mask {columns} by {rows}."
            )
        missing = missing | mask
    if not missing.any():
        raise UserError(
            f"A picture must be transparent where it is to be filled, or have a mask that is white "
            f"there: {name} has no hole."
        )
    if missing.all():
        raise UserError(f"A hole must leave something of its picture: {name} is one whole hole.")
    return with_alpha(colours(pixels), missing)


def outlined(picture, missing):
    """Draws the border of a hole, one pixel wide, into a picture.

    Args:
        picture: Pixels `(H, W, 3)`, uint8.
        missing: Booleans `(H, W)`.

    Returns:
        Pixels `(H, W, 3)`, uint8; white where a missing pixel has a known one beside it.
    """
    padded = np.pad(missing, 1, mode="edge")
    beside = padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]
    border = missing & ~np.logical_and.reduce(beside)
    return np.where(border[..., None], 255, picture).astype("uint8")
