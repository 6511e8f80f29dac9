"""Changes of brightness, contrast and tone: in Pillow, operations with a look-up table."""

import tensorflow as tf

from keras_vit.data.augment.blend import as_uint8, blend
from keras_vit.data.augment.colour import grey

# Xor and multiplication instead of tf.where, which is ten times slower on bytes.


def invert(images):
    """Turns each value `v` of the images `(B, H, W, C)` into `255 - v` (`PIL.ImageOps.invert`).

    Args:
        images: uint8 batch.

    Returns:
        A uint8 batch of the same shape.

    Raises:
        TypeError: If the images are not uint8.
    """
    return 255 - as_uint8(images)


def posterize(images, bits):
    """Keeps the highest bits of each value of `(B, H, W, C)` (`PIL.ImageOps.posterize`).

    Args:
        images: uint8 batch.
        bits: How many bits are kept, `(B,)`, truncated to integers from 0 to 8.

    Returns:
        A uint8 batch of the same shape.

    Raises:
        TypeError: If the images are not uint8.
    """
    dropped = 8 - tf.clip_by_value(tf.cast(bits, tf.int32), 0, 8)
    masks = tf.cast(256 - tf.bitwise.left_shift(tf.ones_like(dropped), dropped), tf.uint8)
    return tf.bitwise.bitwise_and(as_uint8(images), masks[:, None, None, None])


def solarize(images, thresholds):
    """Inverts the values of `(B, H, W, C)` from a threshold on (`PIL.ImageOps.solarize`).

    Args:
        images: uint8 batch.
        thresholds: `(B,)`; 0 inverts all values, one above 255 none.

    Returns:
        A uint8 batch of the same shape.

    Raises:
        TypeError: If the images are not uint8.
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
        amounts: What is added, `(B,)`, truncated to integers from 0 to 255.

    Returns:
        A uint8 batch of the same shape.

    Raises:
        TypeError: If the images are not uint8.
    """
    images = as_uint8(images)
    amounts = tf.cast(tf.clip_by_value(tf.cast(amounts, tf.int32), 0, 255), tf.uint8)
    added = tf.minimum(amounts[:, None, None, None], 255 - images)
    return images + tf.cast(images < 128, tf.uint8) * added


def brightness(images, factors):
    """Scales the values of images `(B, H, W, C)` (`PIL.ImageEnhance.Brightness`).

    Args:
        images: uint8 batch.
        factors: `(B,)`; 0 is black, 1 no change, more is brighter.

    Returns:
        A uint8 batch of the same shape.

    Raises:
        TypeError: If the images are not uint8.
    """
    return blend(0.0, tf.cast(as_uint8(images), tf.float32), factors)


def contrast(images, factors):
    """Scales the contrast of images `(B, H, W, C)` around their mean (`PIL.ImageEnhance.Contrast`).

    Args:
        images: uint8 batch, `C` 1 or 3.
        factors: `(B,)`; 0 is the mean grey of the image, 1 no change, more is more contrast.

    Returns:
        A uint8 batch of the same shape.

    Raises:
        ValueError: If there are neither 1 nor 3 channels.
        TypeError: If the images are not uint8.
    """
    images = as_uint8(images)
    pixels = images.shape[1] * images.shape[2]
    total = tf.reduce_sum(tf.cast(grey(images), tf.int32), axis=(1, 2, 3), keepdims=True)
    middle = (2 * tf.cast(total, tf.int64) + pixels) // (2 * pixels)  # rounded, halves up
    return blend(tf.cast(middle, tf.float32), tf.cast(images, tf.float32), factors)


def autocontrast(images):
    """Stretches each channel of `(B, H, W, C)` to 0..255 (`PIL.ImageOps.autocontrast`).

    Pillow rounds its factors before it truncates, so its values may be lower by 1.

    Args:
        images: uint8 batch.

    Returns:
        A uint8 batch of the same shape.

    Raises:
        TypeError: If the images are not uint8.
    """
    images = as_uint8(images)
    low = tf.reduce_min(images, axis=(1, 2), keepdims=True)
    high = tf.reduce_max(images, axis=(1, 2), keepdims=True)
    flat = tf.cast(high == low, tf.uint8)
    low, high = low * (1 - flat), high * (1 - flat) + 255 * flat
    above = tf.cast(images - low, tf.float32)
    return tf.cast(above * 255 / tf.cast(high - low, tf.float32), tf.uint8)


def equalize(images):
    """Equalizes the histogram of each channel of `(B, H, W, C)` (`PIL.ImageOps.equalize`).

    Args:
        images: uint8 batch.

    Returns:
        A uint8 batch of the same shape.

    Raises:
        TypeError: If the images are not uint8.
    """
    images = as_uint8(images)
    channels = images.shape[3]
    rows = tf.reshape(tf.range(tf.shape(images)[0] * channels) * 256, (-1, 1, 1, channels))
    places = tf.cast(images, tf.int32) + rows  # place of each value in the table of its channel
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
    table = tf.where(step > 0, table, tf.range(256))  # fewer than 255 pixels below the highest
    return tf.gather(tf.reshape(tf.cast(table, tf.uint8), [-1]), places)
