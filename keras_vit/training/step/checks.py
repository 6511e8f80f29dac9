"""Which losses and layers allow a batch to be split into parts."""

import functools

import keras
from keras import tree

from keras_vit.errors import UserError
from keras_vit.keras_private import all_layers, losses_of
from keras_vit.losses import WeightedLoss
from keras_vit.training.step.parts import reduction_of, reduction_of_all, weighs_by_examples
from keras_vit.training.step.void_labels import ignored_class, loss_name, over_valid, void_labels

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
            batch is split and a loss ignores a class in a way of its own or is computed from a
            whole batch at once.
    """
    losses = [each for each in tree.flatten(loss) if each is not None]
    reductions = {reduction_of(each) for each in losses}
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
        if isinstance(each, WeightedLoss):
            continue
        ignored = ignored_class(each)
        if ignored is not None and reduction_of(each) != "sum" and over_valid(each) is None:
            raise void_labels(f"ignore_class={ignored} in {loss_name(each)}")
        if _needs_the_whole_batch(each):
            raise UserError(
                f"The loss {loss_name(each)} is of a whole batch and cannot be split into "
                "micro-batches or over replicas: train on one device with accumulation=1."
            )


def check_labels(loss, y):
    """Raises a `ValueError` if there are no labels and a loss needs some.

    Args:
        loss: As `keras.Model.compile` takes it.
        y: Targets; `None`, or a structure of `None`, where there are no labels.

    Raises:
        ValueError: If there are no labels and a loss is not a `WeightedLoss`.
    """
    needing = [each for each in tree.flatten(loss) if not isinstance(each, WeightedLoss | None)]
    if needing and all(each is None for each in tree.flatten(y)):
        raise UserError(
            "Without labels a model trains by a keras_vit.losses.WeightedLoss, or by what layers "
            f"pass to `add_loss`: received no labels and the loss {loss_name(needing[0])}."
        )


def check_together(loss, examples):
    """Raises a `ValueError` if a loss of several examples together cannot be split as a batch is.

    Args:
        loss: As `keras.Model.compile` takes it. A loss with an attribute `together` is a mean over
            groups of so many examples.
        examples: How many examples a replica computes at once.

    Raises:
        ValueError: If they are no whole groups.
    """
    for each in tree.flatten(loss):
        together = getattr(each, "together", 1)
        if examples % together:
            raise UserError(
                f"The loss {loss_name(each)} is of {together} examples together, so each device "
                "and micro-batch must hold a multiple of them: received "
                f"together={together}, {examples} examples."
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
    by_examples = weighs_by_examples(loss, sample_weight)
    for layer in all_layers(model):
        for added in losses_of(layer):
            if added.shape.rank != 0 or not by_examples:
                raise UserError(
                    f"The layer {layer.name} calls `add_loss`, which micro-batches and replicas "
                    "can only average over the examples: pass one number, a mean over the "
                    "examples, beside a loss that is such a mean too; received the shape "
                    f"{tuple(added.shape)} and reduction={reduction_of_all(loss)!r}."
                )


def _needs_the_whole_batch(loss):
    if isinstance(loss, str):
        loss = keras.losses.get(loss)
    axis = getattr(loss, "axis", None)
    if isinstance(loss, functools.partial):
        loss, axis = loss.func, loss.keywords.get("axis")
    if not isinstance(loss, WHOLE_BATCH) and loss not in WHOLE_BATCH_FUNCTIONS:
        return False
    return axis is None or 0 in tree.flatten(axis)
