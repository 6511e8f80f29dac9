"""Changes of colour: grey, saturation, hue, on uint8 batches `(B, H, W, C)` with C of 1 or 3."""

import tensorflow as tf

from keras_vit.data.augment.blend import as_uint8, blend
from keras_vit.errors import UserError


def grey(images):
    """Returns the luma of images `(B, H, W, C)`, `(B, H, W, 1)` (`PIL.Image.convert("L")`).

    Args:
        images: uint8 batch; one channel is its own luma.

    Returns:
        A uint8 batch of one channel.

    Raises:
        ValueError: If there are neither 1 nor 3 channels.
    """
    images = as_uint8(images)
    channels = images.shape[3]
    if channels == 1:
        return images
    if channels != 3:
        raise UserError(f"Colour needs 1 or 3 channels: received {channels}.")
    # ITU-R 601 in 16 bits; every sum stays below 2**24, where float32 still counts exactly.
    weights = tf.constant([[19595.0], [38470.0], [7471.0]])
    luma = tf.tensordot(tf.cast(images, tf.float32), weights, 1)
    return tf.cast((luma + 32768) / 65536, tf.uint8)


def grayscale(images):
    """Takes the colour from images `(B, H, W, C)` and leaves their channels."""
    images = as_uint8(images)
    return tf.tile(grey(images), [1, 1, 1, images.shape[3]])


def saturation(images, factors):
    """Scales distances from the grey of each pixel of `(B, H, W, C)` (`PIL.ImageEnhance.Color`).

    Args:
        images: uint8 batch.
        factors: `(B,)`; 0 is grey, 1 no change.

    Returns:
        A uint8 batch.
    """
    images = as_uint8(images)
    if images.shape[3] == 1:
        return images
    return blend(tf.cast(grayscale(images), tf.float32), tf.cast(images, tf.float32), factors)


def hue(images, turns):
    """Turns the hue of images `(B, H, W, C)`, saturation and value kept (`colorsys`).

    Args:
        images: uint8 batch; one channel has no hue.
        turns: `(B,)`, in whole turns of the colour circle.

    Returns:
        A uint8 batch.
    """
    images = as_uint8(images)
    if images.shape[3] == 1:
        return images
    hsv = tf.image.rgb_to_hsv(tf.cast(images, tf.float32) / 255)
    turned = tf.math.floormod(hsv[..., :1] + tf.cast(turns, tf.float32)[:, None, None, None], 1.0)
    rgb = tf.image.hsv_to_rgb(tf.concat([turned, hsv[..., 1:]], axis=-1))
    return tf.cast(rgb * 255 + 0.5, tf.uint8)
