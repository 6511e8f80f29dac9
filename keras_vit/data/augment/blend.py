"""Blends of two pictures as Pillow computes them: the basis of brightness, contrast and others."""

import tensorflow as tf


def blend(start, end, factors):
    """Interpolates or extrapolates between two batches of images `(B, H, W, C)`.

    The result is clipped to 0..255 and truncated, as by `PIL.Image.blend`.

    Args:
        start: float32, the result of factor 0; broadcasts to the shape of `end`.
        end: float32, the result of factor 1.
        factors: `(B,)`.

    Returns:
        A uint8 batch.
    """
    factors = tf.cast(factors, tf.float32)[:, None, None, None]
    return tf.cast(tf.clip_by_value(start + factors * (end - start), 0.0, 255.0), tf.uint8)


def as_uint8(images):
    """Returns images as a tensor, and refuses any dtype other than uint8.

    Args:
        images: An array or tensor.

    Raises:
        TypeError: If they are not uint8.
    """
    images = tf.convert_to_tensor(images)
    if images.dtype != tf.uint8:
        raise TypeError(f"Tone and colour need uint8 images: received {images.dtype.name}.")
    return images
