"""One of several operations for each image of a batch."""

import tensorflow as tf


def dispatch(choices, branches, *values):
    """Calls each branch on the examples `(B, ...)` that chose it, and puts the results together.

    Every branch is called once, with only its own examples, of which there may be none.

    Args:
        choices: int32 `(B,)`, the number of a branch per example.
        branches: Functions of as many tensors as there are `values`, all returning tensors of the
            same shapes and dtypes, or equal structures of such.
        *values: Tensors `(B, ...)`.

    Returns:
        What the branches return, in the order of the batch.
    """
    count = len(branches)
    parts = zip(*(tf.dynamic_partition(value, choices, count) for value in values), strict=True)
    results = [branch(*part) for branch, part in zip(branches, parts, strict=True)]
    places = tf.dynamic_partition(tf.range(tf.size(choices)), choices, count)
    return tf.nest.map_structure(lambda *each: tf.dynamic_stitch(places, each), *results)


def keep(images, *_):
    """The branch that changes nothing."""
    return images
