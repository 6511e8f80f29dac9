"""Decodes the mask of a picture with Pillow; imports neither Keras nor TensorFlow."""

import io

import numpy as np
from PIL import Image

from keras_vit.errors import UserError

MODES = ("1", "L", "P", "I", "I;16")  # one channel; a palette holds colours for people


def decode_mask(data):
    """Decodes a mask to `(H, W)`, int32: the number of the class of each pixel.

    Args:
        data: The bytes of an image of one channel, or of one with a palette, whose colours are
            ignored. A lossy format would change the numbers: use PNG.

    Returns:
        The numbers.

    Raises:
        ValueError: If the bytes are no image, it is damaged, or it has several channels.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.mode in MODES:
                return np.asarray(image).astype("int32")
            mode = image.mode
    except Exception as error:  # Pillow's decoders raise errors of any kind on damaged files
        reason = str(error).strip().rstrip(".") or type(error).__name__
        raise UserError(f"The mask cannot be decoded: {reason}.") from error
    raise UserError(f"A mask must have one channel or a palette: received an image of {mode}.")
