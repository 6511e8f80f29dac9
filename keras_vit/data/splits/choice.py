"""Chooses some examples of a split that can be read in any order."""

import numpy as np
import tensorflow as tf


def choose(split, count, seed):
    """Chooses examples of a `Split` or `EncodedSplit` at random, each at most once.

    Args:
        split: The split.
        count: How many examples, fewer than the split has.
        seed: Seed of the choice, an integer.

    Returns:
        The chosen indices `(count,)`, int64, a function like `split.read` of places among them, and
        their labels, or `None`.
    """
    chosen = np.random.default_rng(seed).choice(split.count, count, replace=False)
    with tf.device("CPU"):
        indices = tf.constant(chosen, tf.int64)

    def read(places):
        return split.read(tf.gather(indices, places))

    return chosen, read, None if split.labels is None else split.labels[chosen]
