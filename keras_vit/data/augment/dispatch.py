"""Applies one of several operations to each image of a batch."""

from collections.abc import Callable, Sequence

import tensorflow as tf


def dispatch(choices, branches: Sequence[Callable], *values):
    """Calls each branch on the examples `(B, ...)` that chose it, and puts the results together.

    Every branch is called once, with only its own examples, of which there may be none.

    Args:
        choices: int32 `(B,)`, the index of a branch for each example.
        branches: Take as many tensors as there are `values`; all return a tensor of the same shape
            and dtype, or the same structure of such tensors.
        *values: Tensors `(B, ...)`.

    Returns:
        The results of the branches, in the order of the batch.
    """
    count = len(branches)
    parts = zip(*(tf.dynamic_partition(value, choices, count) for value in values), strict=True)
    results = [branch(*part) for branch, part in zip(branches, parts, strict=True)]
    places = tf.dynamic_partition(tf.range(tf.size(choices)), choices, count)
    return tf.nest.map_structure(lambda *each: tf.dynamic_stitch(places, each), *results)


def keep(images, *_):
    """Returns the images unchanged and ignores all other arguments: a branch that does nothing."""
    return images
