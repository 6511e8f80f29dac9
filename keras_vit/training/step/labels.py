"""One cause of a gradient that is not finite: a label that is no class."""

import functools

import keras
import numpy as np
from keras import tree

from keras_vit.losses import ValidCrossEntropy


def label_out_of_range(parts, loss, classes):
    """Finds an integer label that is no class of the output.

    Args:
        parts: Labels of the replicas, `(B,)` or `(B, ..., 1)` each.
        loss: As `keras.Model.compile` takes it. Only sparse cross-entropy takes integer labels;
            its `ignore_class` may lie outside of the classes.
        classes: How many classes there are.

    Returns:
        The first such label, or `None` where there is none or a loss takes no integer labels.
    """
    losses = tree.flatten(loss)
    if not all(map(_takes_integers, losses)):
        return None
    ignored = [_setting(each, "ignore_class") for each in losses]
    for labels in map(np.asarray, parts):
        wrong = (labels < 0) | (labels >= classes)
        wrong &= ~np.isin(labels, [each for each in ignored if each is not None])
        if wrong.any():
            return int(labels[wrong][0])
    return None


def _takes_integers(loss):
    if isinstance(loss, functools.partial):
        loss = loss.func
    return (
        isinstance(loss, (keras.losses.SparseCategoricalCrossentropy, ValidCrossEntropy))
        or loss == "sparse_categorical_crossentropy"
        or loss is keras.losses.sparse_categorical_crossentropy
    )


def _setting(loss, name):
    is_partial = isinstance(loss, functools.partial)
    return loss.keywords.get(name) if is_partial else getattr(loss, name, None)
