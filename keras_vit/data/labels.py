"""Checks that labels are integers from 0 to K - 1, where they are read or become targets.

`tf.one_hot` would turn a label outside this range into a target of zeros, which trains on nothing.
"""

import contextlib
import re

import numpy as np
import tensorflow as tf

from keras_vit.errors import UserError

OUT_OF_RANGE = re.compile(r"(Labels must lie in \[0, \d+\)[^:]*: received)[^-\d]*(-?\d+)")


def check_labels(labels, count):
    """Checks the labels `(N,)` of a split whose classes are not known yet.

    Args:
        labels: Integers `(N,)`, in any form that NumPy takes.
        count: Number of examples `N`.

    Returns:
        The labels as an int64 array.

    Raises:
        ValueError: If their shape is not `(N,)`, or they are not integers, or one is negative.
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
    """Checks that every label `(N,)` belongs to one of `K` classes.

    Args:
        labels: An array of integers.
        num_classes: K.

    Returns:
        The same labels.

    Raises:
        ValueError: If one does not lie in `[0, K)`.
    """
    strange = (labels < 0) | (labels >= num_classes)
    if strange.any():
        raise UserError(
            f"Labels must lie in [0, {num_classes}): received {labels[strange][0]}, which belongs "
            "to no class."
        )
    return labels


def one_hot(labels, num_classes, smoothing=0.0):
    """Turns labels `(B,)` into targets `(B, K)`, float32, that sum to 1.

    Args:
        labels: Integers.
        num_classes: K.
        smoothing: Share of the target that is spread evenly over all classes, 0 to 1.

    Returns:
        A float32 tensor `(B, K)`.

    Raises:
        ValueError: If the labels are not integers `(B,)`.
        tf.errors.InvalidArgumentError: When it runs, if a label does not lie in `[0, K)`.
    """
    labels = tf.convert_to_tensor(labels)
    if labels.shape.rank not in (1, None):
        raise UserError(f"Labels must be integers (B,): received {labels.dtype} {labels.shape}.")
    labels = tf.cast(in_range(labels, num_classes), tf.int64)
    return tf.one_hot(labels, num_classes, 1 - smoothing) + smoothing / num_classes


def in_range(labels, num_classes, void=None):
    """Returns labels `(B, ...)`, checked when they are read.

    Args:
        labels: Integers.
        num_classes: K.
        void: A label of entries that count nowhere, or `None`.

    Raises:
        ValueError: If the labels are not integers.
        tf.errors.InvalidArgumentError: When it runs, if a label is neither void nor in `[0, K)`.
    """
    labels = tf.convert_to_tensor(labels)
    if not labels.dtype.is_integer:
        raise UserError(
            f"Labels must be integers (B,): received {labels.dtype.name} {labels.shape}."
        )
    of_classes = tf.cast(labels, tf.int64)
    if void is not None:
        of_classes = tf.where(of_classes == void, tf.zeros_like(of_classes), of_classes)
    lowest, highest = tf.reduce_min(of_classes), tf.reduce_max(of_classes)
    or_void = "" if void is None else f" or be the void {void}"
    check = tf.debugging.Assert(
        tf.reduce_all((of_classes >= 0) & (of_classes < num_classes)),
        [
            f"Labels must lie in [0, {num_classes}){or_void}: received",
            tf.where(lowest < 0, lowest, highest),
        ],
    )
    with tf.control_dependencies([check] if check is not None else []):  # None: it ran eagerly
        return tf.identity(labels)


@contextlib.contextmanager
def explain_labels():
    """Turns TensorFlow's error for a label outside `[0, K)` into a sentence.

    A context manager around whatever runs a pipeline with `in_range` in it, as `one_hot` is.

    Raises:
        ValueError: If the block raises the error of `in_range` for such a label; all other errors
            pass unchanged.
    """
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        match = OUT_OF_RANGE.search(error.message)
        if match is None:
            raise
        raise UserError(f"{match[1]} {match[2]}, which belongs to no class.") from error
