"""Decodes pictures inside TensorFlow's graph."""

import io

import numpy as np
import tensorflow as tf
from PIL import Image

from keras_vit.images.decode import MAX_ASPECT, MAX_PIXELS, decode_picture
from keras_vit.images.graph_exif import orientation
from keras_vit.images.masks import decode_mask


def decode(encoded):
    """Decodes a whole picture to `(H, W, 3)`, uint8, upright.

    TensorFlow decodes upright JPEGs, `keras_vit.images.decode.decode_picture` all other pictures.

    Args:
        encoded: The bytes of the picture, a string `()`.

    Returns:
        The pixels.

    Raises:
        tf.errors.InvalidArgumentError: When it runs, if the picture cannot be decoded.
    """

    def of_jpeg():
        height, width, _ = jpeg_shape(encoded)
        return decode_window(encoded, tf.stack([0, 0, height, width]))

    return tf.cond(is_plain_jpeg(encoded), of_jpeg, lambda: decode_by_pillow(encoded))


def is_plain_jpeg(encoded):
    """Returns whether a picture is an upright JPEG, grey or RGB, which TensorFlow decodes right.

    Args:
        encoded: The bytes of the picture, a string `()`.

    Returns:
        A boolean tensor `()`.

    Raises:
        tf.errors.OpError: When it runs, if `jpeg_shape` refuses the header of a JPEG.
    """
    is_jpeg = tf.strings.substr(encoded, 0, 3) == b"\xff\xd8\xff"
    return tf.cond(
        is_jpeg, lambda: (orientation(encoded) == 1) & (jpeg_shape(encoded)[2] != 4), lambda: False
    )


def jpeg_shape(encoded):
    """Reads height and width in pixels, and channels, from the header of a JPEG.

    Args:
        encoded: The bytes of the JPEG, a string `()`.

    Returns:
        Three int32 tensors `()`.

    Raises:
        tf.errors.OpError: When it runs, if the header is damaged, or `check_sides` refuses the
            size that it claims.
    """
    shape = tf.io.extract_jpeg_shape(encoded)
    check_sides(tf.cast(shape[:2], tf.int64))
    return tf.unstack(shape, 3)


def check_sides(sides):
    """Refuses a picture that is too large or too long to be decoded.

    Args:
        sides: Height and width in pixels, int64 `(2,)`.

    Raises:
        tf.errors.InvalidArgumentError: When it runs, if there are more than
            `keras_vit.images.decode.MAX_PIXELS` pixels, or the aspect ratio is above `MAX_ASPECT`.
    """
    tf.debugging.assert_less_equal(tf.reduce_prod(sides), tf.constant(MAX_PIXELS, tf.int64))
    tf.debugging.assert_less_equal(tf.reduce_max(sides), MAX_ASPECT * tf.reduce_min(sides))


def decode_window(encoded, box, ratio=1):
    """Decodes a window of a JPEG to `(h, w, 3)`, uint8.

    Args:
        encoded: The bytes of the JPEG, a string `()`.
        box: Top, left, height and width in pixels of the whole picture, int32 `(4,)`.
        ratio: 1, 2, 4 or 8: the factor by which the JPEG's own cosine transform shrinks the
            picture.

    Returns:
        The pixels; `h` and `w` are height and width of the box, divided by `ratio`.

    Raises:
        tf.errors.InvalidArgumentError: When it runs, if the JPEG is damaged.
    """
    image = tf.io.decode_and_crop_jpeg(
        encoded,
        tf.maximum(box // ratio, [0, 0, 1, 1]),
        channels=3,
        ratio=ratio,
        dct_method="INTEGER_ACCURATE",
    )
    return tf.ensure_shape(image, (None, None, 3))


def decode_mask_by_pillow(encoded):
    """Decodes a mask to `(H, W)`, int32.

    Args:
        encoded: The bytes of the mask, a string `()`.

    Returns:
        The number of the class of each pixel.

    Raises:
        tf.errors.InvalidArgumentError: When it runs, if `keras_vit.images.masks.decode_mask`
            refuses the mask.
    """

    def numbers(data):
        try:
            return decode_mask(np.asarray(data, object).item())  # array if eager, else bytes
        except ValueError:
            return np.zeros((0, 0), "int32")  # TensorFlow would print the traceback each time

    mask = tf.numpy_function(numbers, [encoded], tf.int32, stateful=False)
    tf.debugging.assert_positive(tf.size(mask), "The mask cannot be decoded.")
    return tf.ensure_shape(mask, (None, None))


def picture_size(encoded):
    """Reads height and width of any picture that Pillow reads from its header, as it is stored.

    Args:
        encoded: The bytes of the picture, a string `()`.

    Returns:
        Height and width in pixels, int32 `(2,)`; zeros where it is no picture.
    """

    def size(data):
        try:
            with Image.open(io.BytesIO(np.asarray(data, object).item())) as image:
                return np.array(image.size[::-1], "int32")
        except Exception:  # Pillow raises errors of any kind on damaged files
            return np.zeros(2, "int32")

    return tf.ensure_shape(tf.numpy_function(size, [encoded], tf.int32, stateful=False), [2])


def decode_by_pillow(encoded):
    """Decodes any picture that Pillow reads to `(H, W, 3)`, uint8, upright.

    Args:
        encoded: The bytes of the picture, a string `()`.

    Returns:
        The pixels.

    Raises:
        tf.errors.InvalidArgumentError: When it runs, if
            `keras_vit.images.decode.decode_picture` refuses the picture.
    """

    def decode_rgb(data):
        try:
            pixels = decode_picture(np.asarray(data, object).item())  # array if eager, else bytes
        except ValueError:
            return np.zeros((0, 0, 3), "uint8")  # TensorFlow would print the traceback each time
        return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))

    image = tf.numpy_function(decode_rgb, [encoded], tf.uint8, stateful=False)
    tf.debugging.assert_positive(tf.size(image), "The picture cannot be decoded.")
    return tf.ensure_shape(image, (None, None, 3))
