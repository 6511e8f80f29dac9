"""What a part of a batch weighs in the whole.

A batch is split over replicas, and each replica's part into micro-batches.
"""

import tensorflow as tf
from keras import tree

from keras_vit.losses import WeightedLoss

MEANS = ("sum_over_batch_size", "mean")


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
    if weighs_by_examples(loss, sample_weight):
        return tf.cast(tf.shape(tree.flatten(x)[0])[0], dtype)
    if reduction_of_all(loss) == "sum":  # each part counts alike
        return tf.constant(1 / replicas, dtype)
    return tf.reduce_sum(tf.cast(tree.flatten(sample_weight)[0], dtype))


def weighs_by_examples(loss, sample_weight):
    """Returns whether the loss of a batch averages those of its parts by their examples.

    Args:
        loss: As `keras.Model.compile` takes it.
        sample_weight: Weights `(B,)`, or `None`.
    """
    reduction = reduction_of_all(loss)
    return reduction == "mean" or reduction == "mean_with_sample_weight" and sample_weight is None


def reduction_of_all(loss):
    """Returns the reduction of all losses, which `check_losses` has found to be the same."""
    return next((reduction_of(each) for each in tree.flatten(loss) if each is not None), "mean")


def reduction_of(loss):
    """Returns `"mean"`, `"mean_with_sample_weight"`, `"sum"` or `None`.

    Args:
        loss: One loss of `compile`. A `WeightedLoss` is a mean over the examples, whatever its
            own reduction: each part divides by its share of the whole batch's divisor.
    """
    reduction = getattr(loss, "reduction", "mean")  # names and functions are averaged
    return "mean" if reduction in MEANS or isinstance(loss, WeightedLoss) else reduction
