"""Batches that are split into parts: which losses allow it, and what a part weighs in the whole.

A batch is split over replicas, and each replica's part into micro-batches.
"""

import functools
from collections.abc import Callable

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
    """Raises a `ValueError` if the loss of a batch cannot be computed from those of its parts.

    Args:
        loss: As `keras.Model.compile` takes it.
        accumulation: How many micro-batches a replica's part is split into.
        replicas: How many replicas share a batch.

    Raises:
        ValueError: If a loss has no reduction, or is a sum and `accumulation` is above 1; if the
            losses of several outputs are neither all means over the batch nor all sums; or if a
            batch is split and a loss ignores a class or is computed from a whole batch at once.
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
    """Raises a `ValueError` if a layer of `model` has an `activity_regularizer`.

    Such a regulariser is a sum over the examples: parts of a batch would be regularised less.

    Args:
        model: A Keras model; inner layers are checked too.

    Raises:
        ValueError: If a layer has one.
    """
    for layer in all_layers(model):
        if getattr(layer, "activity_regularizer", None) is not None:
            raise UserError(
                f"The layer {layer.name} has an `activity_regularizer`, a sum over the examples, "
                "which cannot be split into micro-batches or over replicas: pass a mean over the "
                "examples to `add_loss`, or train on one device with accumulation=1."
            )


def check_added_losses(model, loss, sample_weight):
    """Raises a `ValueError` if losses that layers add are not weighted by the number of examples.

    Args:
        model: The model, in the scope of its forward pass.
        loss: As `keras.Model.compile` takes it.
        sample_weight: Weights `(B,)`, or `None`.

    Raises:
        ValueError: If a layer passes anything but a scalar to `add_loss`, or passes a scalar while
            `loss` is a sum or is divided by the sum of `sample_weight`.
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
    """Raises a `ValueError` if one of a part's tensors carries a mask.

    Args:
        tensors: A tensor or a nested structure of tensors.

    Raises:
        ValueError: If one of them has a mask: losses would then average over the unmasked places.
    """
    if any(mask_of(each) is not None for each in tree.flatten(tensors)):
        raise _void_labels("a mask")


def per_example(loss, *, is_split):
    """Wraps losses that return one number for a batch so that they return it for each example.

    Keras divides a loss by the number of replicas only where it has averaged it itself.

    Args:
        loss: As `keras.Model.compile` takes it.
        is_split: Whether batches are split into parts. A loss whose values carry a mask then
            raises a `ValueError` when it is computed.

    Returns:
        The same structure, with its functions and losses wrapped.
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
    """Computes the weight of a part's loss in the loss of the whole batch.

    Args:
        loss: As `keras.Model.compile` takes it.
        x: Inputs `(B, ...)`.
        sample_weight: Weights `(B,)`, or `None`.
        dtype: Type of the result.
        replicas: How many replicas share a batch.

    Returns:
        A scalar: the number of examples; or, where the loss divides by it, the sum of the sample
        weights; or, for a sum, `1 / replicas`.
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
    """Returns the reduction of all losses, which `check_losses` has found to be the same."""
    return next((_reduction(each) for each in tree.flatten(loss) if each is not None), "mean")


def _reduction(loss):
    reduction = getattr(loss, "reduction", "mean")  # names and functions are averaged
    return "mean" if reduction in MEANS else reduction


def _ignored_class(loss):
    """Returns the class that a loss, or a loss inside it, leaves out, or `None`."""
    ignored = [getattr(loss, "ignore_class", None)]
    if isinstance(loss, functools.partial):
        ignored += [loss.keywords.get("ignore_class"), _ignored_class(loss.func)]
    elif isinstance(loss, keras.losses.Loss):
        inside = tree.flatten(list(vars(loss).values()))
        ignored += [
            _ignored_class(each)
            for each in inside
            if isinstance(each, (keras.losses.Loss, functools.partial))
        ]
    elif hasattr(loss, "__self__"):  # a method of a loss
        ignored.append(_ignored_class(loss.__self__))
    return next((each for each in ignored if each is not None), None)


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
        "A loss that leaves out void labels or masked places averages over the rest, whose number "
        "differs between the parts of a batch: it cannot be split into micro-batches or over "
        "replicas. Train on one device with accumulation=1, or pass `sample_weight` instead: "
        f"received {received}."
    )


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
