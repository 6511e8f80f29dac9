"""Numbers of a Beta distribution from uniform ones, by its quantile function."""

import functools

import numpy as np
import tensorflow as tf
from scipy import stats

STEPS = 4096


def beta(draws, first, second):
    """Turns uniform numbers into numbers of Beta(first, second), of the same shape.

    Args:
        draws: float32 in `[0, 1)`.
        first: The distribution's first parameter, above 0.
        second: Its second.

    Returns:
        A float32 tensor.
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
