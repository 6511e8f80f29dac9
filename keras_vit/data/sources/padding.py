"""Boxes of many pictures, held one after the other and padded where they are read."""

import itertools

import numpy as np
import tensorflow as tf


def boxes_reader(boxes):
    """Makes a function that reads the boxes of a picture.

    Args:
        boxes: A list for each of `N` pictures, of pairs of corners `(x_min, y_min, x_max, y_max)`
            in pixels and an integer label, as `box_labels` has it.

    Returns:
        A function from an index `()` to a dictionary of `boxes` `(M, 4)`, float32, and `box_labels`
        `(M,)`, int64. `M` is the largest count of a picture; places without a box are zeros, with
        the label -1.
    """
    counts = [len(each) for each in boxes]
    most = max(counts, default=0)
    whole = list(itertools.chain.from_iterable(boxes))
    corners = np.array([corners for corners, _ in whole], "float32").reshape(-1, 4)
    with tf.device("CPU"):  # as in `Split.in_memory`
        starts = tf.constant(np.cumsum([0, *counts]), tf.int64)
        corners = tf.constant(corners)
        labels = tf.constant([label for _, label in whole], tf.int64)

    def read(index):
        start, stop = tf.gather(starts, index), tf.gather(starts, index + 1)
        return pad_boxes(corners[start:stop], labels[start:stop], most)

    return read


def pad_boxes(corners, labels, most):
    """Pads the boxes of a picture.

    Args:
        corners: `(x_min, y_min, x_max, y_max)` in pixels, float32 `(m, 4)`.
        labels: Integers `(m,)`.
        most: The count to pad to, `M`.

    Returns:
        A dictionary of `boxes` `(M, 4)` and `box_labels` `(M,)`, int64; places without a box are
        zeros, with the label -1.
    """
    empty = most - tf.shape(labels)[0]
    boxes = tf.pad(corners, [[0, empty], [0, 0]])
    labels = tf.pad(tf.cast(labels, tf.int64), [[0, empty]], constant_values=-1)
    return {
        "boxes": tf.ensure_shape(boxes, (most, 4)),
        "box_labels": tf.ensure_shape(labels, (most,)),
    }
