"""What losses of values and weights divide by where a batch is split into parts.

A step is a mean over the examples: each part's loss and gradient count by its examples. A part of
`b` of the batch's `B` examples therefore divides by `b / B` of what is counted in the whole batch.
"""

import functools

import keras
import tensorflow as tf
from keras import tree

from keras_vit.losses import WeightedLoss


def counts_per_example(model, x, y, sample_weight):
    """Counts what each `WeightedLoss` divides by, in the whole batch; call it in each replica.

    Args:
        model: A compiled `TrainingModel`.
        x: A replica's inputs `(b, ...)`.
        y: Targets, as `fit` takes them.
        sample_weight: Sample weights, as `fit` takes them, or `None`.

    Returns:
        One scalar per `WeightedLoss`, in the order in which Keras computes them: its count in the
        whole batch, divided by the examples of the whole batch.
    """
    if not any(isinstance(each, WeightedLoss) for each in tree.flatten(model.loss)):
        return []
    examples = tf.shape(tree.flatten(x)[0])[0]
    counts = []

    def counting(loss):
        def count(y_true, y_pred, sample_weight):
            if isinstance(loss, WeightedLoss):
                counts.append(loss.count(y_true, sample_weight, examples))
            return 0.0

        return count

    with model.each_loss_as(counting):
        model.compute_losses(y, model.output, sample_weight)
    sums = tf.stack([tf.cast(each, keras.config.floatx()) for each in (*counts, examples)])
    sums = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, sums)
    return tf.unstack(tf.math.divide_no_nan(sums[:-1], sums[-1]), num=len(counts))


def divided(model, x, counts):
    """Returns a context in which a part's losses divide by their share of the whole batch's count.

    Args:
        model: A compiled `TrainingModel`.
        x: The part's inputs `(b, ...)`.
        counts: What `counts_per_example` returned, or an empty list.

    Returns:
        A context manager that yields a list, which receives the value of each loss.
    """
    counts = iter(counts)
    examples = tf.shape(tree.flatten(x)[0])[0]

    def wrap(loss):
        count = next(counts, None) if isinstance(loss, WeightedLoss) else None
        if count is None:
            return loss
        return functools.partial(loss, count=count * tf.cast(examples, count.dtype))

    return model.each_loss_as(wrap)
