"""One picture file to the pixels a model takes."""

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

COLOUR_MODES = ("RGB", "RGBA", "P", "CMYK", "YCbCr", "LAB", "HSV")


def read_image(path, image_shape):
    """Reads a picture as `(H, W, C)`, uint8, 0 to 255, upright.

    The short side is resized (bicubic, antialiased) to cover `H` by `W`, and the middle is cut out.
    A grey picture serves a model of three channels; colour is never turned into grey unasked.

    Args:
        path: A picture that Pillow reads.
        image_shape: `(H, W, C)` of the model.

    Returns:
        The pixels.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no image, is damaged, or has more channels than the model takes.
    """
    height, width, channels = image_shape
    try:
        with Image.open(path) as image:
            image = ImageOps.exif_transpose(image)
            image.load()
    except UnidentifiedImageError as error:
        raise ValueError(f"{path} is no image.") from error
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no file {path}.") from None
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} cannot be decoded: {error}") from error
    if channels not in (1, 3):
        raise ValueError(f"Picture files hold 1 or 3 channels: the model takes {channels}.")
    if channels == 1 and image.mode in COLOUR_MODES:
        raise ValueError(f"The model takes 1 channel: {path} has 3 ({image.mode}).")
    if image.mode.startswith("I"):  # 16 bits: Pillow's own conversion clips at 255
        image = Image.fromarray((np.asarray(image, "uint32") // 257).astype("uint8"))
    image = image.convert("L" if channels == 1 else "RGB")
    if image.size != (width, height):
        image = ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)
    return np.asarray(image).reshape(height, width, channels)
