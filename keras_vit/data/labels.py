"""Labels are integers from 0 to K - 1: refused where they are known, or where they become targets.

A label that is no class would otherwise become a target of zeros, which trains on nothing.
"""

import contextlib
import re

import numpy as np
import tensorflow as tf

from keras_vit.errors import UserError

OUT_OF_RANGE = re.compile(r"(Labels must lie in \[0, \d+\): received)[^-\d]*(-?\d+)")


def check_labels(labels, count):
    """Returns labels `(N,)` of `count` examples as int64.

    Raises:
        ValueError: If they are not as many, not integers, or one is negative.
    """
    labels = np.asarray(labels)
    if labels.shape != (count,):
        raise UserError(
            f"Each image needs one label: received {count} images and labels of shape "
            f"{labels.shape}."
        )
    if count and not np.issubdtype(labels.dtype, np.integer):
        raise UserError(f"Labels must be integers: received {labels.dtype}.")
    if count and labels.min() < 0:
        raise UserError(f"Labels must not be negative: received {labels.min()}.")
    return labels.astype("int64")


def check_range(labels, num_classes):
    """Returns labels `(N,)` that were read, all of which must be the number of a class.

    Raises:
        ValueError: If one does not lie in `[0, K)`.
    """
    strange = (labels < 0) | (labels >= num_classes)
    if strange.any():
        raise UserError(
            f"Labels must lie in [0, {num_classes}): received {labels[strange][0]}, which is the "
            "number of no class."
        )
    return labels


def one_hot(labels, num_classes, smoothing=0.0):
    """Turns labels `(B,)` into targets `(B, K)`, float32, that sum to 1.

    Args:
        labels: Integers.
        num_classes: K.
        smoothing: Share of the target that is spread evenly over all classes.

    Raises:
        ValueError: If the labels are not integers `(B,)`.
        tf.errors.InvalidArgumentError: When it runs, if a label does not lie in `[0, K)`.
    """
    labels = tf.convert_to_tensor(labels)
    if not labels.dtype.is_integer or labels.shape.rank not in (1, None):
        raise UserError(
            f"Labels must be integers (B,): received {labels.dtype.name} {labels.shape}."
        )
    labels = tf.cast(labels, tf.int64)
    lowest, highest = tf.reduce_min(labels), tf.reduce_max(labels)
    check = tf.debugging.Assert(
        tf.reduce_all((labels >= 0) & (labels < num_classes)),
        [
            f"Labels must lie in [0, {num_classes}): received",
            tf.where(lowest < 0, lowest, highest),
        ],
    )
    with tf.control_dependencies([check] if check is not None else []):  # None: it ran eagerly
        return tf.one_hot(labels, num_classes, 1 - smoothing) + smoothing / num_classes


@contextlib.contextmanager
def explain_labels():
    """Turns what a pipeline raises for a label that is no class into a `UserError`."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        found = OUT_OF_RANGE.search(error.message)
        if found is None:
            raise
        raise UserError(f"{found[1]} {found[2]}, which is the number of no class.") from error
