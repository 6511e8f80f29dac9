"""Matches the classes of a data set with those of a model, and tells classes of one name apart."""

import collections

import numpy as np

from keras_vit.errors import UserError, first_few


def told_apart(names):
    """Adds its number to each name that several classes have, for people: `crane (134)`.

    Args:
        names: Names of classes in their order.

    Returns:
        A tuple of as many texts.
    """
    counts = collections.Counter(names)
    return tuple(f"{x} ({number})" if counts[x] > 1 else x for number, x in enumerate(names))


def match_classes(names, model_names, count):
    """Finds the model's class for each class of a data set.

    Classes are matched by name, then by number where the data set's names are numbers and none is
    a name of the model, then by order where the model has no names.

    Args:
        names: Names of the data set's classes, in the order of its labels.
        model_names: Names of the model's classes, or `None`.
        count: Number of the model's classes.

    Returns:
        An integer array `(len(names),)`, the model's class for each label of the data set.

    Raises:
        ValueError: If a class is none of the model's, or several classes of the model or of the
            data set have its name and the lists of names differ.
    """
    if model_names and list(names) == list(model_names):
        return np.arange(count)
    if model_names and set(names) <= set(model_names):
        places = {}
        for index, name in enumerate(model_names):
            places.setdefault(name, []).append(index)
        for name, count in collections.Counter(names).items():
            if count > 1 or len(places[name]) > 1:
                numbers = ", ".join(map(str, places[name]))
                raise UserError(
                    "Classes of one name are matched only where the classes of the data are those "
                    f"of the model in its order, or named by its numbers: {name} names {count} of "
                    f"the data and {len(places[name])} ({numbers}) of the model."
                )
        return np.array([places[name][0] for name in names])
    no_names = set(names).isdisjoint(model_names or ())  # 1 may be the name of class 0
    if no_names and set(names) <= set(map(str, range(count))):  # 007 is a name, not a number
        return np.array([int(name) for name in names])
    if len(names) == count and not model_names:
        return np.arange(count)
    strange = sorted(set(names) - set(model_names or ()))
    raise UserError(
        f"Every class must be one of the model's {count:,}"
        + (f" ({first_few(model_names, 5)})" if model_names else "")
        + f", by its name or its number: received {first_few(strange, 5)}."
    )
