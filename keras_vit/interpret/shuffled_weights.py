"""Whether maps depend on what a model has learned: the same maps of a model without it."""

import contextlib

import numpy as np
from keras import ops

from keras_vit.interpret.perturbation import enlarged


@contextlib.contextmanager
def shuffled_weights(model, *, seed=0):
    """Shuffles the numbers of each weight of a model among themselves until the block ends.

    "Sanity Checks for Saliency Maps" (arXiv:1810.03292, section 3): a map that stays the same
    when the weights are shuffled does not depend on what the model learned. Numbers that are
    shuffled keep their size, which weights that are drawn anew would not.

    Args:
        model: A `keras.Model`.
        seed: Seed of the order.
    """
    rng = np.random.default_rng(seed)
    kept = [(weight, ops.convert_to_numpy(weight)) for weight in model.weights]
    try:
        for weight, values in kept:
            weight.assign(rng.permutation(values.reshape(-1)).reshape(values.shape))
        yield
    finally:
        for weight, values in kept:
            weight.assign(values)


def rank_correlation(maps, others):
    """Compares the order of the values of maps, by Spearman's rank correlation.

    Args:
        maps: Maps `(B, h, w)`.
        others: Maps `(B, H, W)`; the smaller ones are enlarged.

    Returns:
        Numbers `(B,)` from -1 to 1; 0 where a map has no differences.
    """
    from scipy.stats import rankdata

    size = np.maximum(np.shape(maps)[1:], np.shape(others)[1:])
    ranks = [
        rankdata(enlarged(each, size).reshape(len(each), -1), axis=1) for each in (maps, others)
    ]
    first, second = (each - each.mean(1, keepdims=True) for each in ranks)
    lengths = np.sqrt((first**2).sum(1) * (second**2).sum(1))
    return (first * second).sum(1) / np.maximum(lengths, np.finfo(float).tiny)
