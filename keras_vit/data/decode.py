"""Encoded pictures to images of one size, inside TensorFlow's graph.

A *crop* is a function from an encoded picture `()` and a key `()` to an image `(S, S, 3)`, uint8.
"""

import math

import numpy as np
import tensorflow as tf

from keras_vit.data.augment.keys import uniform
from keras_vit.picture import MAX_PIXELS, decode_picture

# Tag 0x0112 of a picture's EXIF header with a value from 2 to 8, in both byte orders: not upright.
# What merely looks like it costs time and nothing else. \C is one byte in TensorFlow's RE2.
TURNED = (
    r"\C*(\x12\x01\x03\x00\x01\x00\x00\x00[\x02-\x08]"
    r"|\x01\x12\x00\x03\x00\x00\x00\x01\x00[\x02-\x08])\C*"
)
EXIF_BYTES = 65_536  # no longer can the segment of a JPEG be that holds EXIF


def inception_crop(encoded, key, *, size, area=(0.08, 1.0), aspect=(3 / 4, 4 / 3)):
    """Decodes a random window of a picture and resizes it to `(S, S, 3)`, uint8.

    The window's area is uniform in `area`, the logarithm of its aspect ratio in `aspect`: "Going
    Deeper with Convolutions" (arXiv:1409.4842, section 6), in the form that torchvision and timm
    draw it (ten attempts, then the largest window in the middle). Of a JPEG the window alone is
    decoded, at the smallest of its own scales that covers the output.

    Args:
        encoded: The picture's bytes, a string `()`.
        key: uint64 `()`.
        size: Side `S` of the output in pixels.
        area: Smallest and largest share of the picture's area.
        aspect: Smallest and largest width by height.

    Returns:
        The image; bilinear, antialiased where the window is more than twice the output.
    """

    def window(height, width):
        return _random_window(height, width, key, area, aspect)

    def of_jpeg():
        height, width, _ = _jpeg_shape(encoded)
        box = window(height, width)
        # 0, 1, 2 or 3 halvings by the JPEG's own cosine transform; bilinear does the rest.
        halvings = tf.cast(
            tf.math.log(tf.cast(tf.reduce_min(box[2:]), tf.float32) / size) / math.log(2), tf.int32
        )
        branches = [
            lambda ratio=ratio: _decode_window(encoded, box, ratio) for ratio in (1, 2, 4, 8)
        ]
        return tf.switch_case(tf.clip_by_value(halvings, 0, 3), branches)

    def of_others():
        image = _decode_by_pillow(encoded)
        top, left, height, width = tf.unstack(window(tf.shape(image)[0], tf.shape(image)[1]))
        return image[top : top + height, left : left + width]

    image = tf.cond(_is_plain_jpeg(encoded), of_jpeg, of_others)
    small = tf.reduce_max(tf.shape(image)[:2]) <= 2 * size
    image = tf.cond(
        small,
        lambda: tf.image.resize(image, (size, size)),
        lambda: tf.image.resize(image, (size, size), antialias=True),
    )
    return tf.cast(tf.round(image), tf.uint8)


def centre_crop(encoded, key=None, *, size, ratio=0.875):
    """Resizes a picture to a short side of `S / ratio` and cuts its middle `(S, S, 3)`, uint8.

    As timm and torchvision evaluate: bicubic, antialiased, sides truncated, offsets rounded to
    even.

    Args:
        encoded: The picture's bytes, a string `()`.
        key: Taken and not used: nothing is drawn.
        size: Side `S` of the output in pixels.
        ratio: Share of the short side that is kept ("crop percentage").

    Returns:
        The image.
    """
    image = decode(encoded)
    height, width = tf.unstack(tf.cast(tf.shape(image)[:2], tf.float32))
    short = float(math.floor(size / ratio))
    shortest = tf.minimum(height, width)
    resized = tf.stack([tf.floor(short * height / shortest), tf.floor(short * width / shortest)])
    resized = tf.maximum(resized, short)  # floor of a quotient that is exact
    image = tf.raw_ops.ScaleAndTranslate(
        images=image[None],
        size=(size, size),
        scale=resized / tf.stack([height, width]),
        translation=-tf.round((resized - size) / 2),
        kernel_type="keyscubic",
        antialias=True,
    )[0]
    return tf.saturate_cast(tf.round(image), tf.uint8)


def decode(encoded):
    """Decodes a whole picture to `(H, W, 3)`, uint8, upright.

    JPEGs in the graph, whatever else Pillow reads by `keras_vit.picture.decode_picture`.

    Args:
        encoded: The picture's bytes, a string `()`.

    Raises:
        tf.errors.OpError, ValueError: If it cannot be decoded; in a graph always the former.
    """

    def of_jpeg():
        height, width, _ = _jpeg_shape(encoded)
        return _decode_window(encoded, tf.stack([0, 0, height, width]), 1)

    return tf.cond(_is_plain_jpeg(encoded), of_jpeg, lambda: _decode_by_pillow(encoded))


def _is_plain_jpeg(encoded):
    """Says whether TensorFlow's decoder gives the right pixels: an upright JPEG, grey or RGB."""
    jpeg = tf.strings.substr(encoded, 0, 3) == b"\xff\xd8\xff"
    return tf.cond(
        jpeg, lambda: _is_upright(encoded) & (_jpeg_shape(encoded)[2] != 4), lambda: False
    )


def _is_upright(encoded):
    return ~tf.strings.regex_full_match(tf.strings.substr(encoded, 0, EXIF_BYTES), TURNED)


def _jpeg_shape(encoded):
    shape = tf.io.extract_jpeg_shape(encoded)
    pixels = tf.cast(shape[0], tf.int64) * tf.cast(shape[1], tf.int64)
    tf.debugging.assert_less_equal(pixels, tf.constant(MAX_PIXELS, tf.int64))
    return tf.unstack(shape, 3)


def _decode_window(encoded, box, ratio):
    image = tf.io.decode_and_crop_jpeg(
        encoded,
        tf.maximum(box // ratio, [0, 0, 1, 1]),
        channels=3,
        ratio=ratio,
        dct_method="INTEGER_ACCURATE",
    )
    return tf.ensure_shape(image, (None, None, 3))


def _decode_by_pillow(encoded):
    def decode_rgb(data):
        pixels = decode_picture(np.asarray(data, object).item())  # eagerly an array, else bytes
        return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))

    image = tf.numpy_function(decode_rgb, [encoded], tf.uint8, stateful=False)
    return tf.ensure_shape(image, (None, None, 3))


def _random_window(height, width, key, area, aspect):
    """Draws `(top, left, height, width)`, int32."""
    full_height, full_width = tf.cast(height, tf.float32), tf.cast(width, tf.float32)
    shares, slants, downs, rights = tf.unstack(tf.reshape(uniform(key[None], 40), (4, 10)))
    areas = (area[0] + shares * (area[1] - area[0])) * full_height * full_width
    low, high = math.log(aspect[0]), math.log(aspect[1])
    aspects = tf.exp(low + slants * (high - low))
    heights, widths = tf.round(tf.sqrt(areas / aspects)), tf.round(tf.sqrt(areas * aspects))
    fits = (heights >= 1) & (widths >= 1) & (heights <= full_height) & (widths <= full_width)

    # Where no attempt fits: the largest window in the middle whose aspect ratio is allowed.
    middle_height = tf.minimum(full_height, tf.maximum(1.0, tf.round(full_width / aspect[0])))
    middle_width = tf.minimum(full_width, tf.maximum(1.0, tf.round(full_height * aspect[1])))
    pick = tf.argmax(tf.cast(fits, tf.int32))
    box_height = tf.where(fits[pick], heights[pick], middle_height)
    box_width = tf.where(fits[pick], widths[pick], middle_width)
    down = tf.where(fits[pick], downs[pick], 0.5)
    right = tf.where(fits[pick], rights[pick], 0.5)
    top = tf.floor(down * (full_height - box_height + 1))
    left = tf.floor(right * (full_width - box_width + 1))
    return tf.cast(tf.stack([top, left, box_height, box_width]), tf.int32)
