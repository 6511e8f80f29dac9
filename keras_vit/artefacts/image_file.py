"""One picture file to the pixels a model takes."""

import warnings

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError


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
    try:
        with warnings.catch_warnings():
            # Pillow warns of large pictures and refuses only those of twice that size.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path)
        with image:
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
    mode = image.mode
    if mode.startswith("I"):  # 16 bits: Pillow's own conversion clips at 255
        pixels = np.asarray(image)
        if pixels.min() < 0 or pixels.max() > 65_535:
            raise ValueError(f"{path} holds pixels beyond 16 bits, whose range is not known.")
        image = Image.fromarray((pixels // 257).astype("uint8"))
    elif mode == "F":
        raise ValueError(f"{path} holds floating-point pixels, whose range is not known.")
    image = image.convert("L" if image.mode in ("1", "L", "LA", "La") else "RGB")
    if channels == 1 and image.mode == "RGB":
        red, green, blue = image.split()
        if red.tobytes() != green.tobytes() or red.tobytes() != blue.tobytes():
            raise ValueError(f"The model takes 1 channel: {path} has 3 ({mode}).")
        image = red
    elif channels == 3:
        image = image.convert("RGB")
    if image.size != (width, height):
        image = ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)
    return np.asarray(image).reshape(height, width, channels)
