"""Picks some examples of a split that can be read in any order."""

import numpy as np
import tensorflow as tf


def draw_indices(split, count, seed):
    """Draws indices of a split at random, each at most once.

    Args:
        split: A split.
        count: How many, at most as many as the split has examples.
        seed: Seed of the choice, an integer.

    Returns:
        The indices `(count,)`, int64.
    """
    return np.random.default_rng(seed).choice(split.count, count, replace=False)


def pick(split, indices):
    """Picks examples of a `Split` or `EncodedSplit`.

    Args:
        split: The split.
        indices: Which of its examples, in their new order, `(N,)`, integers.

    Returns:
        A function like `split.read` of places among them, and their labels, or `None`.
    """
    with tf.device("CPU"):
        picked = tf.constant(indices, tf.int64)

    def read(places):
        return split.read(tf.gather(picked, places))

    return read, None if split.labels is None else split.labels[indices]
