"""The losses of `compile`, in the form in which a part of a batch computes them."""

import functools
from collections.abc import Callable

import keras
import tensorflow as tf
from keras import tree

from keras_vit.training.step.void_labels import check_mask, over_valid


def per_example(loss, *, is_split):
    """Wraps losses that return one number for a batch so that they return it for each example.

    Keras divides a loss by the number of replicas only where it has averaged it itself.

    Args:
        loss: As `keras.Model.compile` takes it.
        is_split: Whether batches are split into parts. A loss whose values carry a mask then
            raises a `ValueError` when it is computed.

    Returns:
        The same structure, with its functions and losses wrapped, or replaced by a `WeightedLoss`
        where a batch is split and a loss ignores a class.
    """

    def wrap(each):
        if is_split and (weighted := over_valid(each)) is not None:
            return weighted
        if isinstance(each, keras.losses.Loss):
            is_plain = type(each).__call__ is keras.losses.Loss.__call__
            return _PerExample(each, is_split) if is_plain else each
        if callable(each):
            spread = functools.partial(_spread, each, is_split)
            return functools.wraps(each)(spread)
        return each

    return tree.map_structure(wrap, loss)


class _PerExample(keras.losses.Loss):
    """Wraps a loss whose `call` may return one number for a batch: it returns one per example."""

    def __init__(self, loss, is_split):
        super().__init__(name=loss.name, reduction=loss.reduction, dtype=loss.dtype)
        self._loss = loss
        self._is_split = is_split

    def call(self, y_true, y_pred):
        if self.reduction == "sum":
            return self._loss.call(y_true, y_pred)
        return _spread(self._loss.call, self._is_split, y_true, y_pred)


def _spread(loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], is_split, y_true, y_pred):
    """Returns the values of a loss; one number for the batch is repeated for each example."""
    values = loss(y_true, y_pred)
    if is_split:
        check_mask(values)
    if len(values.shape) == 0:
        values = tf.fill(tf.shape(tree.flatten(y_pred)[0])[:1], values)
    return values
