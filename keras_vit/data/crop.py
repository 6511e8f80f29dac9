"""Crops, which decode an encoded picture to an image of a given size, uint8."""

import math

import tensorflow as tf

from keras_vit.data.augment.keys import uniform
from keras_vit.images.graph_crop import crop_images
from keras_vit.images.graph_decode import (
    decode,
    decode_by_pillow,
    decode_window,
    is_plain_jpeg,
    jpeg_shape,
)


def inception_crop(encoded, key, *, size, area=(0.08, 1.0), aspect=(3 / 4, 4 / 3)):
    """Decodes a random window of a picture and resizes it to `(S, S, 3)`, uint8.

    The window's area is uniform in `area`, and its aspect ratio log-uniform in `aspect`: "Going
    Deeper with Convolutions" (arXiv:1409.4842, section 6), drawn as torchvision and timm do (ten
    attempts, then the largest window in the middle). Only the window of a JPEG is decoded, at the
    smallest of the JPEG's own scales that covers the output.

    Args:
        encoded: The bytes of the picture, a string `()`.
        key: uint64 `()`, from which the window is drawn.
        size: Side `S` of the output in pixels.
        area: Smallest and largest area of the window, as shares of the picture's area.
        aspect: Smallest and largest aspect ratio of the window, width by height.

    Returns:
        The image, resized bilinearly, and antialiased where the decoded window is more than twice
        as long as the output.

    Raises:
        tf.errors.OpError: When it runs, if the picture cannot be decoded.
    """

    def window(height, width):
        return random_window(height, width, key, area, aspect)

    def of_jpeg():
        height, width, _ = jpeg_shape(encoded)
        box = window(height, width)
        # 0 to 3 halvings by the JPEG's own cosine transform; bilinear resizing does the rest.
        halvings = tf.cast(
            tf.math.log(tf.cast(tf.reduce_min(box[2:]), tf.float32) / size) / math.log(2), tf.int32
        )
        branches = [
            lambda ratio=ratio: decode_window(encoded, box, ratio) for ratio in (1, 2, 4, 8)
        ]
        return tf.switch_case(tf.clip_by_value(halvings, 0, 3), branches)

    def of_others():
        image = decode_by_pillow(encoded)
        top, left, height, width = tf.unstack(window(tf.shape(image)[0], tf.shape(image)[1]))
        return image[top : top + height, left : left + width]

    image = tf.cond(is_plain_jpeg(encoded), of_jpeg, of_others)
    small = tf.reduce_max(tf.shape(image)[:2]) <= 2 * size
    image = tf.cond(
        small,
        lambda: tf.image.resize(image, (size, size)),
        lambda: tf.image.resize(image, (size, size), antialias=True),
    )
    return tf.cast(tf.round(image), tf.uint8)


def centre_crop(encoded, key=None, *, preprocessing):
    """Decodes a picture, resizes it and crops its middle to `(H, W, 3)`, uint8.

    Args:
        encoded: The bytes of the picture, a string `()`.
        key: Ignored; every crop takes one, and this one draws nothing.
        preprocessing: A `keras_vit.images.preprocessing.Preprocessing` with an `image_size`, which
            is `(H, W)`.

    Returns:
        The image.

    Raises:
        tf.errors.OpError: When it runs, if the picture cannot be decoded.
    """
    return crop_images(decode(encoded)[None], preprocessing)[0]


def random_window(height, width, key, area, aspect):
    """Draws the window of `inception_crop`.

    Args:
        height: Height of the picture in pixels, an integer tensor `()`.
        width: Width of the picture in pixels, an integer tensor `()`.
        key: uint64 `()`.
        area: Smallest and largest area of the window, as shares of the picture's area.
        aspect: Smallest and largest aspect ratio of the window, width by height.

    Returns:
        Top, left, height and width in pixels, int32 `(4,)`.
    """
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
