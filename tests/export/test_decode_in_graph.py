"""Pictures decoded inside the graph, against Pillow."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from thinned import thinned
from zoo import SMOOTH, encode, png_header, with_claim_before

from keras_vit.export.decode_in_graph import decode
from keras_vit.images.decode import decode_picture


def both(data, channels=3):
    ours = tf.function(lambda x: decode(x, channels))(tf.constant(data)).numpy()
    pillows = decode_picture(data)[..., :channels]
    return ours.astype(int), np.broadcast_to(pillows, ours.shape).astype(int)


@pytest.mark.parametrize("orientation", thinned([6, 1, 2, 3, 4, 5, 7, 8], fast=1))
@pytest.mark.parametrize("order", ["II", "MM"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_pictures_are_turned_upright(orientation, order, kind):
    image = Image.fromarray(SMOOTH)
    exif = image.getexif()
    exif[0x0112] = orientation
    exif.endian = "<" if order == "II" else ">"
    data = encode(image, kind, exif=exif.tobytes())
    ours, pillows = both(data)
    assert ours.shape == ((60, 40, 3) if orientation >= 5 else (40, 60, 3))
    np.testing.assert_allclose(ours, pillows, atol=1)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "CMYK", "I;16"])
def test_other_pixels(mode):
    image = Image.fromarray(SMOOTH)
    if mode == "I;16":
        image = Image.fromarray(SMOOTH[..., 0].astype("uint16") * 257)
    elif mode == "P":
        image = image.quantize(16)
    else:
        image = image.convert(mode)
    kind = "JPEG" if mode in ("L", "CMYK") else "PNG"
    ours, pillows = both(encode(image, kind))
    np.testing.assert_allclose(ours, pillows, atol=2 if mode == "CMYK" else 1)


def test_grey_pictures_for_a_grey_model():
    grey = Image.fromarray(SMOOTH[..., 0])
    deep = Image.fromarray(SMOOTH[..., 0].astype("uint16") * 200 + 77)  # 16 bits, as of a sensor
    for image in (grey, grey.convert("RGB"), deep):
        ours, pillows = both(encode(image, "PNG"), channels=1)
        assert ours.shape == (40, 60, 1)
        np.testing.assert_array_equal(ours, pillows)
    with pytest.raises(tf.errors.InvalidArgumentError, match="this has colours"):
        decode(encode(Image.fromarray(SMOOTH), "PNG"), 1)


def test_a_picture_that_claims_too_much_is_refused():
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode(png_header(30_000, 30_000), 3)
    hidden = with_claim_before(encode(Image.fromarray(SMOOTH), "PNG"))
    assert tf.io.decode_png(hidden).shape == (40, 60, 3)  # TensorFlow does not mind
    with pytest.raises(tf.errors.InvalidArgumentError, match="first chunk of a PNG"):
        decode(hidden, 3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("size", [(1, 129), (129, 1)])
def test_a_picture_longer_than_the_limit_is_refused(kind, size):
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode(encode(Image.new("RGB", size), kind), 3)
    assert decode(encode(Image.new("RGB", (1, 128)), kind), 3).shape == (128, 1, 3)
