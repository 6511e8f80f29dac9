"""Keras' losses that leave out void labels: their average is over the valid entries only."""

import functools
from collections.abc import Callable

import keras
import tensorflow as tf
from keras import tree

from keras_vit.errors import UserError
from keras_vit.keras_private import mask_of
from keras_vit.losses import REDUCTIONS, WeightedLoss


def check_mask(tensors):
    """Raises a `ValueError` if one of a part's tensors carries a mask.

    Args:
        tensors: A tensor or a nested structure of tensors.

    Raises:
        ValueError: If one of them has a mask: losses would then average over the unmasked places.
    """
    if any(mask_of(each) is not None for each in tree.flatten(tensors)):
        raise void_labels("a mask")


def ignored_class(loss):
    """Returns the class that a loss, or a loss inside it, leaves out, or `None`."""
    ignored = [getattr(loss, "ignore_class", None)]
    if isinstance(loss, functools.partial):
        ignored += [loss.keywords.get("ignore_class"), ignored_class(loss.func)]
    elif isinstance(loss, keras.losses.Loss):
        inside = tree.flatten(list(vars(loss).values()))
        ignored += [
            ignored_class(each)
            for each in inside
            if isinstance(each, (keras.losses.Loss, functools.partial))
        ]
    elif hasattr(loss, "__self__"):  # a method of a loss
        ignored.append(ignored_class(loss.__self__))
    return next((each for each in ignored if each is not None), None)


def over_valid(loss):
    """Turns Keras' sparse cross-entropy with `ignore_class` into the same loss with weights.

    Args:
        loss: One loss of `compile`.

    Returns:
        A `WeightedLoss`, equal to `loss` on a batch that is not split; `None` if the loss ignores
        no class, is a sum, or may ignore it in a way of its own.
    """
    sparse = keras.losses.SparseCategoricalCrossentropy
    if type(loss) is sparse and loss.ignore_class is not None and loss.reduction in REDUCTIONS:
        return _OverValid(loss.call, loss.ignore_class, loss.name, loss.reduction, loss.dtype)
    is_partial = isinstance(loss, functools.partial) and not loss.args
    if is_partial and loss.func is keras.losses.sparse_categorical_crossentropy:
        if loss.keywords.get("ignore_class") is not None:
            return _OverValid(loss, loss.keywords["ignore_class"], loss_name(loss))
    return None


class _OverValid(WeightedLoss):
    """The values of a loss `(B, ...)`, averaged over the labels that are not ignored."""

    def __init__(
        self,
        loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
        ignore_class,
        name,
        reduction="sum_over_batch_size",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self._loss = loss
        self._ignore_class = ignore_class

    def values(self, y_true, y_pred):
        return self._loss(tf.cast(y_true, self.dtype), y_pred)

    def weights(self, y_true):
        return tf.not_equal(tf.cast(y_true, self.dtype), self._ignore_class)


def loss_name(loss):
    """Returns the name of a loss of `compile`, for messages."""
    if isinstance(loss, str):
        return loss
    if isinstance(loss, functools.partial):
        return loss_name(loss.func)
    return getattr(loss, "__name__", type(loss).__name__)


def void_labels(received):
    """Returns the error for a loss that leaves out what cannot be counted over a whole batch."""
    return UserError(
        "A loss that leaves out void labels or masked places averages over the rest, whose number "
        "differs between the parts of a batch: it cannot be split into micro-batches or over "
        "replicas. Pass keras_vit.losses.ValidCrossEntropy or another WeightedLoss, which count "
        f"over the whole batch, or train on one device with accumulation=1: received {received}."
    )
