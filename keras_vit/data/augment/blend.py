"""Blends of two pictures as Pillow computes them, the base of every enhancement."""

import tensorflow as tf


def blend(start, end, factors):
    """Interpolates between `start` and `end`, or extrapolates: uint8 `(B, H, W, C)`.

    Clipped to 0..255 and truncated, as `PIL.Image.blend` does.

    Args:
        start: float32, what factor 0 gives; broadcasts to the images.
        end: float32, what factor 1 gives.
        factors: `(B,)`.

    Returns:
        A uint8 batch.
    """
    factors = tf.cast(factors, tf.float32)[:, None, None, None]
    return tf.cast(tf.clip_by_value(start + factors * (end - start), 0.0, 255.0), tf.uint8)


def as_uint8(images):
    """Returns the images as a tensor.

    Raises:
        TypeError: If they are not uint8.
    """
    images = tf.convert_to_tensor(images)
    if images.dtype != tf.uint8:
        raise TypeError(f"Tone and colour change uint8 images: received {images.dtype.name}.")
    return images
