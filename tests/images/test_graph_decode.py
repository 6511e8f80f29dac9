import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_vit.images.graph_decode import decode

Y, X = np.mgrid[:120, :160]
SMOOTH = np.stack([X, Y, 255 - X], axis=-1).astype("uint8")
EXIF_ORIENTATION = 0x0112


def encode(pixels, format="JPEG", mode=None, **options):
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    file = io.BytesIO()
    (image.convert(mode) if mode else image).save(file, format, **options)
    return file.getvalue()


def by_pillow(encoded):
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))


FORMATS = {  # how far from Pillow's pixels
    "rgb": (encode(SMOOTH, quality=90), 1),
    "grey": (encode(SMOOTH, mode="L"), 0),
    "cmyk": (encode(SMOOTH, mode="CMYK"), 2),
    "progressive": (encode(SMOOTH, progressive=True), 1),
    "png": (encode(SMOOTH, "PNG"), 0),
    "palette": (encode(SMOOTH, "PNG", mode="P"), 0),
    "alpha": (encode(SMOOTH, "PNG", mode="RGBA"), 0),
    "gif": (encode(SMOOTH, "GIF"), 0),
    "bmp": (encode(SMOOTH, "BMP"), 0),
    "bmp palette": (encode(SMOOTH, "BMP", mode="P"), 0),
    "webp": (encode(SMOOTH, "WEBP", lossless=True), 0),
}


def test_every_format_decodes_as_pillow_does():
    files = [encoded for encoded, _ in FORMATS.values()]
    images = tf.data.Dataset.from_tensor_slices(files).map(decode).as_numpy_iterator()
    for image, (name, (encoded, tolerance)) in zip(images, FORMATS.items(), strict=True):
        assert image.dtype == np.uint8 and image.shape == (120, 160, 3), name
        assert np.abs(image.astype(int) - by_pillow(encoded)).max() <= tolerance, name


def test_pictures_are_upright_whatever_the_camera_says():
    exif = Image.Exif()
    for exif.endian in "<>":
        for orientation, turns in {1: 0, 3: 2, 6: 1, 8: -1}.items():
            exif[EXIF_ORIENTATION] = orientation
            turned = np.ascontiguousarray(np.rot90(SMOOTH, turns))
            encoded = encode(turned, quality=95, exif=exif)
            assert encoded.find(b"II*" if exif.endian == "<" else b"MM\0*") > 0
            assert np.abs(decode(encoded).numpy().astype(int) - SMOOTH).max() <= 8, orientation


@pytest.mark.parametrize(
    "encoded",
    [b"", b"some text", encode(SMOOTH)[:1500], encode(SMOOTH)[:20], encode(SMOOTH, "PNG")[:200]],
    ids="empty text truncated header png".split(),
)
def test_what_is_damaged_is_an_error_and_never_a_crash(encoded):
    with pytest.raises((tf.errors.OpError, ValueError)):
        decode(encoded)


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_a_header_that_promises_too_much_is_refused_before_decoding(format):
    encoded = bytearray(encode(SMOOTH, format))
    if format == "PNG":
        encoded[16:24] = (20_000).to_bytes(4, "big") * 2
    else:
        start = encoded.index(b"\xff\xc0") + 5
        encoded[start : start + 4] = (20_000).to_bytes(2, "big") * 2
    with pytest.raises((tf.errors.OpError, ValueError)):
        decode(bytes(encoded))
