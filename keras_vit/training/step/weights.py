"""Losses over a batch that is cut into parts, and what a part weighs in the whole."""

import functools

import keras
import tensorflow as tf
from keras import tree

from keras_vit.errors import UserError

MEANS = ("sum_over_batch_size", "mean")


def check_losses(loss, accumulation):
    """Raises a `ValueError` for losses whose parts do not add up.

    Args:
        loss: As `keras.Model.compile` takes it.
        accumulation: How many micro-batches a part is cut into.
    """
    reductions = {_reduction(each) for each in tree.flatten(loss) if each is not None}
    if not reductions <= {"mean", "mean_with_sample_weight", "sum"}:
        raise UserError(
            "A step needs one loss for a batch, a mean or a sum: received reduction=None."
        )
    if accumulation > 1 and "sum" in reductions:
        raise UserError("`accumulation` needs a mean loss: received reduction='sum'.")
    several = tree.is_nested(loss) and len(tree.flatten(loss)) > 1
    if len(reductions) > 1 or several and reductions == {"mean_with_sample_weight"}:
        raise UserError(
            "Losses of several outputs must all be means over the batch, or all sums: received "
            f"the reductions {sorted(reductions)}."
        )


def per_example(loss):
    """Makes losses that return one number for a batch return it for each example.

    Keras divides by the number of replicas only what it has averaged itself.

    Args:
        loss: As `keras.Model.compile` takes it.

    Returns:
        The same, its functions and losses wrapped.
    """

    def wrap(each):
        if isinstance(each, keras.losses.Loss):
            is_plain = type(each).__call__ is keras.losses.Loss.__call__
            return _PerExample(each) if is_plain else each
        return functools.wraps(each)(functools.partial(_spread, each)) if callable(each) else each

    return tree.map_structure(wrap, loss)


def part_weight(loss, x, sample_weight, dtype, replicas):
    """Says what the loss of a part of a batch weighs in that of the whole, a scalar.

    Args:
        loss: As `keras.Model.compile` takes it.
        x: Inputs `(B, ...)`.
        sample_weight: Weights `(B,)`, or `None`.
        dtype: Of the result.
        replicas: How many replicas share a batch.
    """
    reduction = {_reduction(each) for each in tree.flatten(loss) if each is not None}
    if reduction == {"mean_with_sample_weight"} and sample_weight is not None:
        return tf.reduce_sum(tf.cast(tree.flatten(sample_weight)[0], dtype))
    if reduction == {"sum"}:  # each part counts alike
        return tf.constant(1 / replicas, dtype)
    return tf.cast(tf.shape(tree.flatten(x)[0])[0], dtype)


def _reduction(loss):
    reduction = getattr(loss, "reduction", "mean")  # names and functions are averaged
    return "mean" if reduction in MEANS else reduction


class _PerExample(keras.losses.Loss):
    """A loss whose `call` may return one number for a batch, as a number per example."""

    def __init__(self, loss):
        super().__init__(name=loss.name, reduction=loss.reduction, dtype=loss.dtype)
        self._loss = loss

    def call(self, y_true, y_pred):
        if self.reduction == "sum":
            return self._loss.call(y_true, y_pred)
        return _spread(self._loss.call, y_true, y_pred)


def _spread(loss, y_true, y_pred):
    """Returns what a loss returns, one number for a batch for each example."""
    values = loss(y_true, y_pred)
    if len(values.shape) == 0:
        values = tf.fill(tf.shape(tree.flatten(y_pred)[0])[:1], values)
    return values
