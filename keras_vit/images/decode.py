"""Decodes one picture with Pillow; imports neither Keras nor TensorFlow."""

import contextlib
import io
import threading
import warnings

import numpy as np
from PIL import Image, UnidentifiedImageError

from keras_vit.errors import UserError
from keras_vit.images.exif import orientation_in, orientation_of

MAX_PIXELS = 2 * Image.MAX_IMAGE_PIXELS  # Pillow refuses more: a small file may claim gigabytes
OWN_EXIF = ("JPEG", "MPO", "PNG")  # formats whose EXIF is read by our rule, as in the graph
# The transposition that turns a picture upright, by its EXIF orientation. (Pillow turns a TIFF.)
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
MAX_ASPECT = 128  # long side by short side: resizing a longer picture would take gigabytes

_one_at_a_time = threading.Lock()  # all threads share the filters of warnings


def decode_picture(file, formats=None, *, alpha=False):
    """Decodes a picture to `(H, W, C)`, uint8, C 1 or 3, upright.

    The EXIF orientation is applied by the rule of `keras_vit.images.exif`. An animation gives its
    first frame, palettes and CMYK become RGB, alpha is dropped, and 16 bits become 8.

    Args:
        file: A path, the bytes of the picture, or a file that is open for reading bytes.
        formats: Formats that the file may have, such as `("JPEG", "PNG")`; `None` allows all that
            Pillow reads.
        alpha: Whether the alpha of a picture that has it is kept, as one more channel.

    Returns:
        The pixels, an array `(H, W, C)`, uint8.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no image or is damaged, its header claims more than `MAX_PIXELS`
            pixels or an aspect ratio above `MAX_ASPECT`, or its pixels are floating-point or lie
            beyond 16 bits.
    """
    if isinstance(file, bytes):
        file = io.BytesIO(file)
    name = "The picture" if hasattr(file, "read") else str(file)
    try:
        with _quiet():
            image = Image.open(file, formats=formats)  # reads only the header
        with image:
            _check_aspect(image, name)
            orientation = orientation_of(image.fp)
            image.load()
            if image.format not in OWN_EXIF:
                orientation = orientation_in(_exif_of(image))
            if orientation in TURNS:
                image = image.transpose(TURNS[orientation])
            return _to_bytes(image, name, alpha)
    except UnidentifiedImageError as error:
        raise UserError(f"{name} is no image{_why_not(file)}.") from error
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no file {name}.") from None
    except _Refused as error:
        raise UserError(str(error)) from None
    except Exception as error:  # Pillow's decoders raise errors of any kind on damaged files
        reason = str(error).strip().rstrip(".") or type(error).__name__
        raise UserError(f"{name} cannot be decoded: {reason}.") from error


class _Refused(Exception):
    pass


@contextlib.contextmanager
def _quiet():
    # Pillow warns of large pictures, and refuses only those of twice that size.
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _check_aspect(image, name):
    if max(image.size) > MAX_ASPECT * min(image.size):
        width, height = image.size
        raise _Refused(
            f"The aspect ratio of a picture must be at most {MAX_ASPECT}: "
            f"{name} has {width} by {height} pixels."
        )


def _exif_of(image):
    """Returns the EXIF data that Pillow found, without the prefix that a JPEG has."""
    data = image.info.get("exif", b"")
    return data.removeprefix(b"Exif\0\0") if isinstance(data, bytes) else b""


def _to_bytes(image, name, alpha):
    if image.mode == "F":
        raise _Refused(f"{name} holds floating-point pixels, whose range is not known.")
    if image.mode.startswith("I"):  # 16 bits: Pillow's own conversion would clip at 255
        pixels = np.asarray(image)
        if pixels.min() < 0 or pixels.max() > 65_535:
            raise _Refused(f"{name} holds pixels beyond 16 bits, whose range is not known.")
        return (pixels // 256).astype("uint8")[..., None]  # as libpng, and Pillow with colours
    if alpha and image.has_transparency_data:
        return np.asarray(image.convert("LA" if image.mode in ("L", "LA") else "RGBA"))
    image.info.pop("transparency", None)  # else Pillow looks for alpha in it and warns
    if image.mode in ("1", "L", "LA", "La"):
        return np.asarray(image.convert("L"))[..., None]
    return np.asarray(image.convert("RGB"))


def _why_not(file):
    if not hasattr(file, "read"):
        with open(file, "rb") as file:
            return "" if file.read(1) else ": it is empty"
    file.seek(0)
    return "" if file.read(1) else ": it is empty"
