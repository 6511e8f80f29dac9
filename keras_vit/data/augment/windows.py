"""Random windows of pictures, as the crops of the Inception papers take them."""

import math

import tensorflow as tf

from keras_vit.data.augment.keys import uniform


def random_windows(height, width, keys, area, aspect):
    """Draws a window of random area and aspect ratio for each key.

    "Going Deeper with Convolutions" (arXiv:1409.4842, section 6): ten attempts, then the largest
    window in the middle.

    Args:
        height: Height of the pictures in pixels, an integer or an integer tensor `()`.
        width: Width of the pictures in pixels, in the same form.
        keys: uint64 `(B,)`.
        area: Smallest and largest area of a window, as shares of the picture's area.
        aspect: Smallest and largest aspect ratio of a window, width by height.

    Returns:
        Top, left, height and width in pixels, int32 `(B, 4)`.
    """
    full_height, full_width = tf.cast(height, tf.float32), tf.cast(width, tf.float32)
    draws = tf.reshape(uniform(keys, 40), (-1, 4, 10))
    shares, slants, downs, rights = tf.unstack(draws, axis=1)
    areas = (area[0] + shares * (area[1] - area[0])) * full_height * full_width
    low, high = math.log(aspect[0]), math.log(aspect[1])
    aspects = tf.exp(low + slants * (high - low))
    heights, widths = tf.round(tf.sqrt(areas / aspects)), tf.round(tf.sqrt(areas * aspects))
    fits = (heights >= 1) & (widths >= 1) & (heights <= full_height) & (widths <= full_width)
    first = tf.argmax(tf.cast(fits, tf.int32), axis=1)

    def pick(values, otherwise):
        return tf.where(
            tf.reduce_any(fits, axis=1), tf.gather(values, first, batch_dims=1), otherwise
        )

    # Where no attempt fits: the largest window in the middle whose aspect ratio is allowed.
    middle_height = tf.minimum(full_height, tf.maximum(1.0, tf.round(full_width / aspect[0])))
    middle_width = tf.minimum(full_width, tf.maximum(1.0, tf.round(full_height * aspect[1])))
    box_height, box_width = pick(heights, middle_height), pick(widths, middle_width)
    top = tf.floor(pick(downs, 0.5) * (full_height - box_height + 1))
    left = tf.floor(pick(rights, 0.5) * (full_width - box_width + 1))
    return tf.cast(tf.stack([top, left, box_height, box_width], axis=1), tf.int32)
