"""Matches the classes of a data set with those of a model."""

import numpy as np

from keras_vit.errors import UserError


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
        ValueError: If a class is none of the model's, or the model has several of its name.
    """
    if model_names and list(names) == list(model_names):
        return np.arange(count)
    if model_names and set(names) <= set(model_names):
        if twice := [name for name in names if list(model_names).count(name) > 1]:
            raise UserError(
                f"The model has several classes of the name {twice[0]}: number the data set's."
            )
        places = {name: index for index, name in enumerate(model_names)}
        return np.array([places[name] for name in names])
    no_names = set(names).isdisjoint(model_names or ())  # 1 may be the name of class 0
    if no_names and set(names) <= set(map(str, range(count))):  # 007 is a name, not a number
        return np.array([int(name) for name in names])
    if len(names) == count and not model_names:
        return np.arange(count)
    strange = sorted(set(names) - set(model_names or ()))
    raise UserError(
        f"Every class must be one of the model's {count:,}, by its name or its number: received "
        f"{', '.join(strange[:5])}."
    )
