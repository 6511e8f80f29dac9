"""Draws from a Beta distribution, by its quantile function."""

import functools

import numpy as np
import tensorflow as tf
from scipy import stats

STEPS = 4096


def beta(draws, first, second):
    """Turns uniform numbers `(...)` into numbers `(...)` with the distribution Beta(first, second).

    Args:
        draws: float32 in `[0, 1)`, any shape.
        first: First parameter of the distribution, above 0.
        second: Second parameter of the distribution, above 0.

    Returns:
        A float32 tensor of the same shape.
    """
    table = tf.constant(_table(first, second))
    places = draws * STEPS
    below = tf.floor(places)
    index = tf.cast(below, tf.int32)
    low = tf.gather(table, index)
    return low + (places - below) * (tf.gather(table, index + 1) - low)


@functools.cache
def _table(first, second):
    return stats.beta.ppf(np.linspace(0, 1, STEPS + 1), first, second).astype("float32")
