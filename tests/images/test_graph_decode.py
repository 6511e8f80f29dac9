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


def in_a_dataset(function, *arguments):
    (result,) = tf.data.Dataset.from_tensors(arguments).map(function)
    return result.numpy()


@pytest.mark.parametrize(
    "encoded, tolerance",
    [
        (encode(SMOOTH, quality=90), 1),
        (encode(SMOOTH, mode="L"), 0),
        (encode(SMOOTH, mode="CMYK"), 2),
        (encode(SMOOTH, progressive=True), 1),
        (encode(SMOOTH, "PNG"), 0),
        (encode(SMOOTH, "PNG", mode="P"), 0),
        (encode(SMOOTH, "PNG", mode="RGBA"), 0),
        (encode(SMOOTH, "GIF"), 0),
        (encode(SMOOTH, "BMP"), 0),
        (encode(SMOOTH, "BMP", mode="P"), 0),
        (encode(SMOOTH, "WEBP", lossless=True), 0),
    ],
    ids="rgb grey cmyk progressive png palette alpha gif bmp bmp-palette webp".split(),
)
def test_every_format_decodes_as_pillow_does(encoded, tolerance):
    ours = in_a_dataset(decode, encoded)
    assert ours.dtype == np.uint8 and ours.shape == (120, 160, 3)
    np.testing.assert_allclose(ours.astype(int), by_pillow(encoded).astype(int), atol=tolerance)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_pictures_are_upright_whatever_the_camera_says(orientation, order):
    exif = Image.Exif()
    exif.endian = order
    exif[EXIF_ORIENTATION] = orientation
    turned = np.rot90(SMOOTH, {1: 0, 3: 2, 6: 1, 8: -1}[orientation])
    encoded = encode(np.ascontiguousarray(turned), quality=95, exif=exif)
    assert encoded.find(b"II*" if order == "<" else b"MM\0*") > 0
    ours = decode(encoded)
    np.testing.assert_allclose(ours.numpy().astype(int), SMOOTH.astype(int), atol=8)


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
