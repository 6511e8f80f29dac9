"""One picture file to the pixels a model takes."""

import numpy as np
from PIL import Image, ImageOps

from keras_vit.picture import decode_picture


def read_image(path, image_shape):
    """Reads a picture as `(H, W, C)`, uint8, 0 to 255, upright.

    The short side is resized (bicubic, antialiased) to cover `H` by `W`, and the middle is cut out.
    A grey picture serves a model of three channels; colour is never turned into grey. Alpha is
    dropped, 16 bits become 8.

    Args:
        path: A picture that Pillow reads.
        image_shape: `(H, W, C)` of the model.

    Returns:
        The pixels.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no image, is damaged, has a range that is not known, or has more
            channels than the model takes.
    """
    height, width, channels = image_shape
    pixels = decode_picture(path)
    if channels not in (1, 3):
        raise ValueError(f"Picture files hold 1 or 3 channels: the model takes {channels}.")
    if channels == 1 and pixels.shape[2] == 3:
        if (pixels != pixels[..., :1]).any():
            raise ValueError(f"The model takes 1 channel: {path} has 3 (RGB).")
        pixels = pixels[..., :1]
    elif channels == 3:
        pixels = np.repeat(pixels, 3 // pixels.shape[2], axis=2)
    if pixels.shape[:2] != (height, width):
        image = Image.fromarray(pixels if channels == 3 else pixels[..., 0])
        image = ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)
        pixels = np.asarray(image).reshape(height, width, channels)
    return pixels
