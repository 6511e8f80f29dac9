"""A rectangle of one picture pasted into another."""

import tensorflow as tf


def paste(images, others, tops, bottoms, lefts, rights):
    """Shows `others` inside a rectangle of each of `images`, both `(B, H, W, C)`.

    Args:
        images: Batch.
        others: Batch of the same shape and dtype.
        tops: int32 `(B,)`, the first row inside.
        bottoms: The first row below.
        lefts: The first column inside.
        rights: The first column to the right.

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
