"""Pastes a rectangle of one picture into another."""

import tensorflow as tf


def paste(images, others, tops, bottoms, lefts, rights):
    """Pastes a rectangle of each of `others` into each of `images`, both `(B, H, W, C)`.

    Args:
        images: uint8 or float batch.
        others: Batch of the same shape and dtype.
        tops: First row inside the rectangles, int32 `(B,)`.
        bottoms: First row below the rectangles, int32 `(B,)`.
        lefts: First column inside the rectangles, int32 `(B,)`.
        rights: First column to the right of the rectangles, int32 `(B,)`.

    Returns:
        A batch of the same shape and dtype.
    """
    height, width, channels = images.shape[1:]
    rows, columns = tf.range(height), tf.repeat(tf.range(width), channels)
    down = (rows >= tops[:, None]) & (rows < bottoms[:, None])
    across = (columns >= lefts[:, None]) & (columns < rights[:, None])
    inside = tf.cast(down, images.dtype)[:, :, None] * tf.cast(across, images.dtype)[:, None]
    # Arithmetic rather than tf.where, which is ten times slower on bytes.
    inside = tf.reshape(inside, (-1, height, width, channels))
    return images + inside * (others - images)
