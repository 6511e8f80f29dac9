"""One encoded picture to pixels, by Pillow; imports neither Keras nor TensorFlow."""

import contextlib
import io
import math
import threading
import warnings

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

MAX_PIXELS = 2 * Image.MAX_IMAGE_PIXELS  # Pillow refuses more: a small file may claim gigabytes

_one_at_a_time = threading.Lock()  # the filters of warnings belong to all threads


def decode_picture(file, formats=None):
    """Decodes a picture to `(H, W, C)`, uint8, C 1 or 3, upright.

    EXIF's orientation is respected, of an animation the first frame is taken, palettes and CMYK
    become RGB, alpha is dropped, 16 bits become 8.

    Args:
        file: A path, the picture's bytes, or a file open for reading them.
        formats: Formats that it may have, `("JPEG", "PNG")` for one; all that Pillow reads where
            `None`.

    Returns:
        The pixels.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no image, is damaged, claims more than `MAX_PIXELS` in its
            header, or holds pixels of a range that is not known.
    """
    if isinstance(file, bytes):
        file = io.BytesIO(file)
    name = "The picture" if hasattr(file, "read") else str(file)
    try:
        with _quiet():
            image = Image.open(file, formats=formats)  # reads the header alone
        with image:
            image.load()
            if _is_turned(image):
                ImageOps.exif_transpose(image, in_place=True)
            return _to_bytes(image, name)
    except UnidentifiedImageError as error:
        raise ValueError(f"{name} is no image{_why_not(file)}.") from error
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no file {name}.") from None
    except _UnknownRange as error:
        raise ValueError(str(error)) from None
    except Exception as error:  # Pillow's decoders raise what they like on damaged files
        reason = str(error).strip().rstrip(".") or type(error).__name__
        raise ValueError(f"{name} cannot be decoded: {reason}.") from error


def claimed_pixels(data, formats=None):
    """Returns how many pixels a picture claims in its header, 0 where that cannot be read.

    Args:
        data: The picture's bytes.
        formats: As `decode_picture` takes it.
    """
    with _quiet():
        try:
            return math.prod(Image.open(io.BytesIO(data), formats=formats).size)
        except Image.DecompressionBombError:
            return math.inf
        except Exception:  # Pillow raises what it likes on a damaged file
            return 0


class _UnknownRange(Exception):
    pass


@contextlib.contextmanager
def _quiet():
    # Pillow warns of large pictures, too, and refuses only those of twice that size.
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _is_turned(image):
    with _quiet():
        try:
            return image.getexif().get(ExifTags.Base.Orientation, 1) != 1
        except Exception:  # anything, where EXIF is damaged; the pixels are not
            return False


def _to_bytes(image, name):
    if image.mode == "F":
        raise _UnknownRange(f"{name} holds floating-point pixels, whose range is not known.")
    if image.mode.startswith("I"):  # 16 bits: Pillow's own conversion clips at 255
        pixels = np.asarray(image)
        if pixels.min() < 0 or pixels.max() > 65_535:
            raise _UnknownRange(f"{name} holds pixels beyond 16 bits, whose range is not known.")
        return (pixels // 257).astype("uint8")[..., None]
    image.info.pop("transparency", None)  # or Pillow looks for alpha in it and warns
    if image.mode in ("1", "L", "LA", "La"):
        return np.asarray(image.convert("L"))[..., None]
    return np.asarray(image.convert("RGB"))


def _why_not(file):
    if not hasattr(file, "read"):
        with open(file, "rb") as file:
            return "" if file.read(1) else ": it is empty"
    file.seek(0)
    return "" if file.read(1) else ": it is empty"
