"""Changes of colour: grey, saturation, hue, on uint8 batches `(B, H, W, C)` with C of 1 or 3."""

import tensorflow as tf

from keras_vit.data.augment.blend import as_uint8, blend
from keras_vit.errors import UserError


def grey(images):
    """Turns images `(B, H, W, C)` into their luma `(B, H, W, 1)` (`PIL.Image.convert("L")`).

    Args:
        images: uint8 batch; one channel stays as it is.

    Returns:
        A uint8 batch of one channel.

    Raises:
        ValueError: If there are neither 1 nor 3 channels.
        TypeError: If the images are not uint8.
    """
    images = as_uint8(images)
    channels = images.shape[3]
    if channels == 1:
        return images
    if channels != 3:
        raise UserError(f"Colour needs 1 or 3 channels: received {channels}.")
    # ITU-R 601 in 16 bits; every sum stays below 2**24, up to which float32 is exact.
    weights = tf.constant([[19595.0], [38470.0], [7471.0]])
    luma = tf.tensordot(tf.cast(images, tf.float32), weights, 1)
    return tf.cast((luma + 32768) / 65536, tf.uint8)


def grayscale(images):
    """Turns images `(B, H, W, C)` grey and keeps the number of channels.

    Args:
        images: uint8 batch, `C` 1 or 3.

    Returns:
        A uint8 batch of the same shape.

    Raises:
        ValueError: If there are neither 1 nor 3 channels.
        TypeError: If the images are not uint8.
    """
    images = as_uint8(images)
    return tf.tile(grey(images), [1, 1, 1, images.shape[3]])


def saturation(images, factors):
    """Scales the colour of images `(B, H, W, C)`, as `PIL.ImageEnhance.Color` does.

    Args:
        images: uint8 batch, `C` 1 or 3; one channel has no colour and stays as it is.
        factors: `(B,)`; 0 is grey, 1 no change, more is more colourful.

    Returns:
        A uint8 batch of the same shape.

    Raises:
        ValueError: If there are neither 1 nor 3 channels.
        TypeError: If the images are not uint8.
    """
    images = as_uint8(images)
    if images.shape[3] == 1:
        return images
    return blend(tf.cast(grayscale(images), tf.float32), tf.cast(images, tf.float32), factors)


def hue(images, turns):
    """Rotates the hue of images `(B, H, W, C)`; keeps saturation and value as `colorsys` has them.

    Args:
        images: uint8 batch, `C` 1 or 3; one channel has no hue and stays as it is.
        turns: `(B,)`; 1 is a whole turn of the colour circle.

    Returns:
        A uint8 batch of the same shape.

    Raises:
        TypeError: If the images are not uint8.
    """
    images = as_uint8(images)
    if images.shape[3] == 1:
        return images
    hsv = tf.image.rgb_to_hsv(tf.cast(images, tf.float32) / 255)
    turned = tf.math.floormod(hsv[..., :1] + tf.cast(turns, tf.float32)[:, None, None, None], 1.0)
    rgb = tf.image.hsv_to_rgb(tf.concat([turned, hsv[..., 1:]], axis=-1))
    return tf.cast(rgb * 255 + 0.5, tf.uint8)
