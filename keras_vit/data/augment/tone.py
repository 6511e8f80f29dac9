"""Changes of each value on its own: what Pillow does with a look-up table, on uint8 batches.

Every function takes images `(B, H, W, C)` and, where it has one, an amount per image `(B,)`, and
returns a uint8 batch of the same shape. Images that are not uint8 raise a `TypeError`.
"""

import tensorflow as tf

from keras_vit.data.augment.blend import as_uint8, blend
from keras_vit.data.augment.colour import grey

# tf.where is ten times slower than arithmetic on bytes, hence the xor and multiply below.


def invert(images):
    """Turns each value `v` of the images `(B, H, W, C)` into `255 - v` (`PIL.ImageOps.invert`)."""
    return 255 - as_uint8(images)


def posterize(images, bits):
    """Keeps the highest bits of each value of `(B, H, W, C)` (`PIL.ImageOps.posterize`).

    Args:
        images: uint8 batch.
        bits: `(B,)`, how many are kept, 0 to 8; fractions are cut off.

    Returns:
        A uint8 batch.
    """
    dropped = 8 - tf.clip_by_value(tf.cast(bits, tf.int32), 0, 8)
    masks = tf.cast(256 - tf.bitwise.left_shift(tf.ones_like(dropped), dropped), tf.uint8)
    return tf.bitwise.bitwise_and(as_uint8(images), masks[:, None, None, None])


def solarize(images, thresholds):
    """Inverts the values of `(B, H, W, C)` from a threshold on (`PIL.ImageOps.solarize`).

    Args:
        images: uint8 batch.
        thresholds: `(B,)`; 0 inverts all, above 255 none.

    Returns:
        A uint8 batch.
    """
    images = as_uint8(images)
    thresholds = tf.math.ceil(tf.cast(thresholds, tf.float32))[:, None, None, None]
    flips = tf.cast(thresholds <= 255, tf.uint8) * 255
    bright = images >= tf.cast(tf.clip_by_value(thresholds, 0, 255), tf.uint8)
    return tf.bitwise.bitwise_xor(images, tf.cast(bright, tf.uint8) * flips)


def solarize_add(images, amounts):
    """Adds to the values below 128 of `(B, H, W, C)`, up to 255 (timm's `solarize_add`).

    Args:
        images: uint8 batch.
        amounts: `(B,)`, at least 0; fractions are cut off.

    Returns:
        A uint8 batch.
    """
    images = as_uint8(images)
    amounts = tf.cast(tf.clip_by_value(tf.cast(amounts, tf.int32), 0, 255), tf.uint8)
    added = tf.minimum(amounts[:, None, None, None], 255 - images)
    return images + tf.cast(images < 128, tf.uint8) * added


def brightness(images, factors):
    """Scales the values of `(B, H, W, C)`: 0 is black, 1 no change (`PIL.ImageEnhance`).

    Args:
        images: uint8 batch.
        factors: `(B,)`.

    Returns:
        A uint8 batch.
    """
    return blend(0.0, tf.cast(as_uint8(images), tf.float32), factors)


def contrast(images, factors):
    """Scales distances from the mean grey of each of `(B, H, W, C)`: 1 is no change (`PIL`).

    Args:
        images: uint8 batch.
        factors: `(B,)`.

    Returns:
        A uint8 batch.
    """
    images = as_uint8(images)
    pixels = images.shape[1] * images.shape[2]
    total = tf.reduce_sum(tf.cast(grey(images), tf.int32), axis=(1, 2, 3), keepdims=True)
    middle = (2 * tf.cast(total, tf.int64) + pixels) // (2 * pixels)  # rounded, halves up
    return blend(tf.cast(middle, tf.float32), tf.cast(images, tf.float32), factors)


def autocontrast(images):
    """Stretches each channel of `(B, H, W, C)` to 0..255 (`PIL.ImageOps.autocontrast`).

    Pillow rounds its factors before it truncates, and may be 1 lower.
    """
    images = as_uint8(images)
    low = tf.reduce_min(images, axis=(1, 2), keepdims=True)
    high = tf.reduce_max(images, axis=(1, 2), keepdims=True)
    flat = tf.cast(high == low, tf.uint8)
    low, high = low * (1 - flat), high * (1 - flat) + 255 * flat
    above = tf.cast(images - low, tf.float32)
    return tf.cast(above * 255 / tf.cast(high - low, tf.float32), tf.uint8)


def equalize(images):
    """Spreads the values of each channel of `(B, H, W, C)` evenly (`PIL.ImageOps.equalize`)."""
    images = as_uint8(images)
    channels = images.shape[3]
    rows = tf.reshape(tf.range(tf.shape(images)[0] * channels) * 256, (-1, 1, 1, channels))
    places = tf.cast(images, tf.int32) + rows  # of each value in the table of its channel
    histogram = tf.raw_ops.DenseBincount(
        input=tf.reshape(places, [-1]),
        size=tf.size(rows) * 256,
        weights=tf.constant([], tf.int32),
        binary_output=False,
    )
    histogram = tf.reshape(histogram, (-1, 256))
    below = tf.cumsum(histogram, axis=1, exclusive=True)
    step = tf.reduce_max(below * tf.cast(histogram > 0, tf.int32), axis=1, keepdims=True) // 255
    table = tf.minimum((below + step // 2) // tf.maximum(step, 1), 255)
    table = tf.where(step > 0, table, tf.range(256))  # next to no values: nothing to spread
    return tf.gather(tf.reshape(tf.cast(table, tf.uint8), [-1]), places)
