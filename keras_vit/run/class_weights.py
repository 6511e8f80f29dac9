"""What an example of each class counts in the loss: read from a flag, or from the labels."""

import math

from keras_vit.errors import UserError, first_few


def check_class_weights(words):
    """Raises a `ValueError` unless words are `none`, `balanced` or weights by name.

    Args:
        words: What `--class-weights` takes.

    Raises:
        ValueError: If they are none of these, or a weight is negative or no number.
    """
    if words in (("none",), ("balanced",)):
        return
    if not words:
        raise UserError("`class_weights` must be none, balanced or name=weight ...: received none.")
    for word in words:
        _, equals, weight = word.rpartition("=")
        try:
            good = equals and 0 <= float(weight) < math.inf
        except ValueError:
            good = False
        if not good:
            raise UserError(
                "`class_weights` must be none, balanced or name=weight ..., such as rust=5: "
                f"received {word!r}."
            )


def class_weights(words, source):
    """Computes what an example of each class counts in the loss.

    Args:
        words: `("none",)`; `("balanced",)`; or texts `name=weight` for some classes, whose weights
            are taken as they are. The others count 1.
        source: A `keras_vit.data.Source`.

    Returns:
        `K` numbers, `None` for `("none",)`. Balanced weights are `N / (K * n)` for a class with `n`
        of the `N` training examples, as of scikit-learn's `compute_class_weight`: each class then
        counts as much as another, and an example 1 on average. `K` counts the classes that have
        examples.

    Raises:
        ValueError: As `check_class_weights`; if a name is that of no class; or if the weights are
            balanced, and the labels are not known without reading the pictures.
    """
    check_class_weights(tuple(words))
    if tuple(words) == ("none",):
        return None
    if tuple(words) == ("balanced",):
        return _balanced(source)
    weights = [1.0] * len(source.class_names)
    for word in words:
        name, _, weight = word.rpartition("=")
        if name not in source.class_names:
            raise UserError(
                f"`class_weights` must name classes of {source.name}: received {name!r}, and they "
                f"are {first_few(source.class_names, 5)}."
            )
        for index, each in enumerate(source.class_names):
            if each == name:  # two classes may have one name
                weights[index] = float(weight)
    return weights


def _balanced(source):
    import numpy as np

    labels = source.splits["train"].labels
    if labels is None:
        raise UserError(
            "Balanced class weights need labels that are known without reading the pictures, and "
            f"those of {source.name} are not: pass weights by name, --class-weights rust=5."
        )
    counts = np.bincount(labels, minlength=len(source.class_names))
    return (len(labels) / np.maximum(counts, 1) / np.count_nonzero(counts)).tolist()
