"""The brightness of a picture, as scores of restoration read it."""

import numpy as np

from keras_vit.errors import UserError
from keras_vit.images.bicubic import to_uint8

# ITU-R BT.601, studio range: what MATLAB's `rgb2ycbcr` multiplies red, green and blue by.
WEIGHTS = np.array([65.481, 128.553, 24.966])


def luma(images):
    """Returns the Y of images `(..., H, W, C)` as MATLAB's `rgb2ycbcr` does, `(..., H, W)`, uint8.

    Args:
        images: uint8 array, `C` 1 or 3. A grey image is its own brightness: it is not squeezed into
            the studio range 16 to 235, as in the published figures.

    Returns:
        An array, rounded.

    Raises:
        ValueError: If the images are not uint8 of 1 or 3 channels.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim < 3 or images.shape[-1] not in (1, 3):
        raise UserError(
            "Images must be uint8 of 1 or 3 channels: "
            f"received {images.dtype.name} of shape {images.shape}."
        )
    if images.shape[-1] == 1:
        return images[..., 0]
    return to_uint8(16 + images @ WEIGHTS / 255)
