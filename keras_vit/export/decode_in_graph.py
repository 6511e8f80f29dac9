"""Decodes pictures inside a served graph, without Python and Pillow.

The pixels equal those of evaluation. A broken picture does not fail the rest of its batch: a
dataset in the graph drops it, and the gap in the order shows which one it was.
"""

from collections.abc import Callable

import tensorflow as tf

from keras_vit.images.graph_decode import check_sides, jpeg_shape
from keras_vit.images.graph_exif import orientation


def decode_each(encoded, decode: Callable[[tf.Tensor], tf.Tensor], shape):
    """Decodes a batch of pictures; a broken one does not fail the others.

    Args:
        encoded: The pictures' bytes, strings `(B,)`.
        decode: Decodes the bytes `()` of one picture to an image of `shape`, uint8; it raises for a
            broken one.
        shape: `(H, W, C)`.

    Returns:
        A pair: images `(B, H, W, C)`, uint8, zeros where a picture is broken; and booleans `(B,)`,
        `False` where it is broken.
    """
    count = tf.size(encoded, tf.int64)

    def element(index):
        return index, tf.ensure_shape(decode(encoded[index]), shape)

    whole = tf.data.Dataset.range(count).map(element, num_parallel_calls=tf.data.AUTOTUNE)
    # One more element, so that the dataset is not empty if every picture is broken.
    last = tf.data.Dataset.from_tensors((count, tf.zeros(shape, tf.uint8)))
    elements = whole.ignore_errors().concatenate(last)
    places, images = elements.batch(count + 1).get_single_element()
    places = places[:, None]
    images = tf.scatter_nd(places, images, [count + 1, *shape])[:-1]
    return images, tf.scatter_nd(places, tf.ones_like(places[:, 0], tf.int32), [count + 1])[:-1] > 0


def decode(encoded, channels):
    """Decodes a JPEG or a PNG to an upright image `(H, W, C)`, uint8, without alpha.

    Args:
        encoded: The picture's bytes, a string `()`.
        channels: 3, or 1 for grey pictures, which may be stored as RGB.

    Returns:
        The image, turned and mirrored as its EXIF orientation says.

    Raises:
        tf.errors.InvalidArgumentError: If it is neither a JPEG nor a PNG, is damaged, has colours
            and `channels` is 1, or `check_sides` refuses the size in its header.
    """
    is_jpeg = tf.strings.substr(encoded, 0, 3) == b"\xff\xd8\xff"
    image = tf.cond(is_jpeg, lambda: _decode_jpeg(encoded), lambda: _decode_png(encoded))
    image = _upright(tf.ensure_shape(image, (None, None, 3)), encoded)
    if channels == 1:
        is_grey = tf.reduce_all(image == image[..., :1])
        tf.debugging.assert_equal(is_grey, True, "The model takes grey pictures: this has colours.")
        return image[..., :1]
    return image


def _decode_jpeg(encoded):
    jpeg_shape(encoded)  # raises if the size in the header is too large
    return tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE")


def _decode_png(encoded):
    """Decodes a PNG whose first chunk holds its width and height; refuses anything else."""
    is_png = tf.strings.substr(encoded, 0, 4) == b"\x89PNG"
    tf.debugging.assert_equal(is_png, True, "A picture is a JPEG or a PNG.")
    is_first = tf.strings.substr(encoded, 12, 4) == b"IHDR"
    tf.debugging.assert_equal(is_first, True, "The first chunk of a PNG is its header.")
    sides = tf.cast(tf.io.decode_raw(tf.strings.substr(encoded, 16, 8), tf.uint8), tf.int64)
    sides = tf.reduce_sum(tf.reshape(sides, (2, 4)) * [2**24, 2**16, 2**8, 1], axis=1)
    check_sides(sides)
    return tf.io.decode_png(encoded, channels=3)


def _upright(image, encoded):
    """Turns and mirrors an image as the EXIF orientation of its file says."""
    code = orientation(encoded)
    image = tf.cond(code >= 5, lambda: tf.transpose(image, (1, 0, 2)), lambda: image)
    mirrored = tf.reduce_any(code == [2, 3, 6, 7])
    image = tf.cond(mirrored, lambda: tf.reverse(image, [1]), lambda: image)
    upside_down = tf.reduce_any(code == [3, 4, 7, 8])
    return tf.cond(upside_down, lambda: tf.reverse(image, [0]), lambda: image)
