"""Batches that are split into parts: which losses allow it, and what a part weighs in the whole.

A batch is split over replicas, and each replica's part into micro-batches.
"""

import functools

import keras
import tensorflow as tf
from keras import tree

from keras_vit.errors import UserError
from keras_vit.keras_private import all_layers, losses_of, mask_of

MEANS = ("sum_over_batch_size", "mean")
# Losses of a whole batch at once: a ratio of sums over it, or pairs of its examples.
WHOLE_BATCH = (keras.losses.Dice, keras.losses.Tversky, keras.losses.Circle)
WHOLE_BATCH_FUNCTIONS = (keras.losses.dice, keras.losses.tversky, keras.losses.circle)


def check_losses(loss, *, accumulation, replicas):
    """Raises a `ValueError` for losses whose parts do not add up.

    Args:
        loss: As `keras.Model.compile` takes it.
        accumulation: How many micro-batches a replica's part is split into.
        replicas: How many replicas share a batch.
    """
    losses = [each for each in tree.flatten(loss) if each is not None]
    reductions = {_reduction(each) for each in losses}
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
    if accumulation * replicas == 1:
        return
    for each in losses:
        ignored = _ignored_class(each)
        if ignored is not None and _reduction(each) != "sum":
            raise _void_labels(f"ignore_class={ignored} in {_name(each)}")
        if _needs_the_whole_batch(each):
            raise UserError(
                f"The loss {_name(each)} is of a whole batch and cannot be split into micro-batches"
                " or over replicas: train on one device with accumulation=1."
            )


def check_layers(model):
    """Raises a `ValueError` if a layer regularises its outputs, as sums over a part of a batch."""
    for layer in all_layers(model):
        if getattr(layer, "activity_regularizer", None) is not None:
            raise UserError(
                f"The layer {layer.name} has an `activity_regularizer`, a sum over the examples, "
                "which cannot be split into micro-batches or over replicas: pass a mean over the "
                "examples to `add_loss`, or train on one device with accumulation=1."
            )


def check_added_losses(model, loss, sample_weight):
    """Raises a `ValueError` if losses that layers add cannot be weighed by a part's examples.

    Args:
        model: The model, in the scope of its forward pass.
        loss: As `keras.Model.compile` takes it.
        sample_weight: Weights `(B,)`, or `None`.
    """
    by_examples = _weighs_by_examples(loss, sample_weight)
    for layer in all_layers(model):
        for added in losses_of(layer):
            if added.shape.rank != 0 or not by_examples:
                raise UserError(
                    f"The layer {layer.name} calls `add_loss`, which micro-batches and replicas "
                    "can only average over the examples: pass one number, a mean over the "
                    "examples, beside a loss that is such a mean too; received the shape "
                    f"{tuple(added.shape)} and reduction={_reduction_of_all(loss)!r}."
                )


def check_mask(tensors):
    """Raises a `ValueError` if one of a part's tensors carries a mask."""
    if any(mask_of(each) is not None for each in tree.flatten(tensors)):
        raise _void_labels("a mask")


def per_example(loss, *, is_split):
    """Makes losses that return one number for a batch return it for each example.

    Keras divides by the number of replicas only what it has averaged itself.

    Args:
        loss: As `keras.Model.compile` takes it.
        is_split: Whether batches are split into parts. Losses with void labels are then refused
            when they are computed.

    Returns:
        The same structure, its functions and losses wrapped.
    """

    def wrap(each):
        if isinstance(each, keras.losses.Loss):
            is_plain = type(each).__call__ is keras.losses.Loss.__call__
            return _PerExample(each, is_split) if is_plain else each
        if callable(each):
            spread = functools.partial(_spread, each, is_split)
            return functools.wraps(each)(spread)
        return each

    return tree.map_structure(wrap, loss)


def part_weight(loss, x, sample_weight, dtype, replicas):
    """Returns what the loss of a part of a batch weighs in that of the whole, a scalar.

    Args:
        loss: As `keras.Model.compile` takes it.
        x: Inputs `(B, ...)`.
        sample_weight: Weights `(B,)`, or `None`.
        dtype: Of the result.
        replicas: How many replicas share a batch.
    """
    if _weighs_by_examples(loss, sample_weight):
        return tf.cast(tf.shape(tree.flatten(x)[0])[0], dtype)
    if _reduction_of_all(loss) == "sum":  # each part counts alike
        return tf.constant(1 / replicas, dtype)
    return tf.reduce_sum(tf.cast(tree.flatten(sample_weight)[0], dtype))


def _weighs_by_examples(loss, sample_weight):
    reduction = _reduction_of_all(loss)
    return reduction == "mean" or reduction == "mean_with_sample_weight" and sample_weight is None


def _reduction_of_all(loss):
    """Returns the reduction of losses that `check_losses` has found to be alike."""
    return next((_reduction(each) for each in tree.flatten(loss) if each is not None), "mean")


def _reduction(loss):
    reduction = getattr(loss, "reduction", "mean")  # names and functions are averaged
    return "mean" if reduction in MEANS else reduction


def _ignored_class(loss):
    """Returns the class that a loss, or a loss inside it, leaves out, or `None`."""
    found = [getattr(loss, "ignore_class", None)]
    if isinstance(loss, functools.partial):
        found += [loss.keywords.get("ignore_class"), _ignored_class(loss.func)]
    elif isinstance(loss, keras.losses.Loss):
        inside = tree.flatten(list(vars(loss).values()))
        found += [
            _ignored_class(each)
            for each in inside
            if isinstance(each, (keras.losses.Loss, functools.partial))
        ]
    elif hasattr(loss, "__self__"):  # a method of a loss
        found.append(_ignored_class(loss.__self__))
    return next((each for each in found if each is not None), None)


def _needs_the_whole_batch(loss):
    if isinstance(loss, str):
        loss = keras.losses.get(loss)
    axis = getattr(loss, "axis", None)
    if isinstance(loss, functools.partial):
        loss, axis = loss.func, loss.keywords.get("axis")
    if not isinstance(loss, WHOLE_BATCH) and loss not in WHOLE_BATCH_FUNCTIONS:
        return False
    return axis is None or 0 in tree.flatten(axis)


def _name(loss):
    if isinstance(loss, str):
        return loss
    if isinstance(loss, functools.partial):
        return _name(loss.func)
    return getattr(loss, "__name__", type(loss).__name__)


def _void_labels(received):
    return UserError(
        "A loss that leaves out void labels or masked places averages over those that are left, of "
        "which each part of a batch has another number: it cannot be split into micro-batches or "
        "over replicas. Train on one device with accumulation=1, or pass `sample_weight` instead: "
        f"received {received}."
    )


class _PerExample(keras.losses.Loss):
    """A loss whose `call` may return one number for a batch, as a number per example."""

    def __init__(self, loss, is_split):
        super().__init__(name=loss.name, reduction=loss.reduction, dtype=loss.dtype)
        self._loss = loss
        self._is_split = is_split

    def call(self, y_true, y_pred):
        if self.reduction == "sum":
            return self._loss.call(y_true, y_pred)
        return _spread(self._loss.call, self._is_split, y_true, y_pred)


def _spread(loss, is_split, y_true, y_pred):
    """Returns what a loss returns, one number for a batch for each example."""
    values = loss(y_true, y_pred)
    if is_split:
        check_mask(values)
    if len(values.shape) == 0:
        values = tf.fill(tf.shape(tree.flatten(y_pred)[0])[:1], values)
    return values
