"""Changes of sharpness: Pillow's sharpness factor and the Gaussian blur."""

import math

import tensorflow as tf

from keras_vit.data.augment.blend import as_uint8, blend


def sharpness(images, factors):
    """Smooths or sharpens images `(B, H, W, C)`, as `PIL.ImageEnhance.Sharpness` does.

    The image is blended with a smoothed one, the average of 3x3 pixels with weight 5 in the middle;
    the border stays as it is.

    Args:
        images: uint8 batch.
        factors: `(B,)`; 0 is smoothed, 1 no change, more is sharper.

    Returns:
        A uint8 batch of the same shape.

    Raises:
        TypeError: If the images are not uint8.
    """
    images = tf.cast(as_uint8(images), tf.float32)
    if min(images.shape[1], images.shape[2]) < 3:
        return blend(images, images, factors)
    inner = images[:, 1:-1, 1:-1]
    rows = images[:, :-2] + images[:, 1:-1] + images[:, 2:]
    total = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:] + 4 * inner
    change = tf.floor(total / 13 + 0.5) - inner
    smooth = images + tf.pad(change, [[0, 0], [1, 1], [1, 1], [0, 0]])
    return blend(smooth, images, factors)


def gaussian_blur(images, deviations, *, largest=2.0):
    """Blurs images `(B, H, W, C)`, each by a Gaussian of its own; pixels at the edge are repeated.

    Args:
        images: uint8 batch.
        deviations: Standard deviations in pixels, `(B,)`, above 0.
        largest: Largest standard deviation that can occur; the kernel reaches three times as far.

    Returns:
        A uint8 batch of the same shape.

    Raises:
        TypeError: If the images are not uint8.
    """
    images = as_uint8(images)
    reach = math.ceil(3 * largest)
    deviations = tf.cast(deviations, tf.float32)[:, None, None]

    def down(values):
        height, width, channels = values.shape[1:]
        outside = tf.range(-reach, height + reach)
        distance = tf.cast(outside[None] - tf.range(height)[:, None], tf.float32)
        weights = tf.exp(-0.5 * tf.square(distance / deviations))
        weights *= tf.cast(tf.abs(distance) <= reach, tf.float32)
        weights /= tf.reduce_sum(weights, axis=2, keepdims=True)  # B height height+2*reach
        values = tf.gather(values, tf.clip_by_value(outside, 0, height - 1), axis=1)
        values = tf.reshape(values, (-1, height + 2 * reach, width * channels))
        return tf.reshape(weights @ values, (-1, height, width, channels))

    def across(values):
        return tf.transpose(down(tf.transpose(values, (0, 2, 1, 3))), (0, 2, 1, 3))

    return tf.cast(across(down(tf.cast(images, tf.float32))) + 0.5, tf.uint8)
