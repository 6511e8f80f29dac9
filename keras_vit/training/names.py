"""A unique name for every variable of a model or an optimizer."""

import collections

import keras

from keras_vit.keras_private import inner_layers


def named_variables(model):
    """Names the variables of a model, seeds included; a variable that is shared is named once.

    A name is the path of the inner model that holds the variable, if there is one, and the
    variable's own path: two inner models may have layers of the same names. Names that are still
    equal get a number.

    Args:
        model: A built model.

    Returns:
        A dictionary from names to variables, in the order of `model.variables`.
    """
    prefixes = _prefixes(model)
    variables = unique(model.variables)
    paths = [(prefixes[id(each)], each.path) for each in variables]
    # Some models, a `Sequential` for example, are in the paths of their variables already.
    names = unique_names(
        [path if path.startswith(prefix) else prefix + path for prefix, path in paths]
    )
    return dict(zip(names, variables, strict=True))


def named_state(optimizer):
    """Names the variables of an optimizer by their paths, after `optimizer/`.

    Args:
        optimizer: A built `keras.optimizers.Optimizer`; a `MultiOptimizer` too.

    Returns:
        A dictionary from names to variables, in the order of `optimizer.variables`.
    """
    variables = optimizer.variables
    names = unique_names([f"optimizer/{variable.path}" for variable in variables])
    return dict(zip(names, variables, strict=True))


def unique_names(names):
    """Makes names unique: of equal names, the second and later become `name#2`, `name#3`.

    Args:
        names: Strings.

    Yields:
        The names in their order.
    """
    counts = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
        yield name if counts[name] == 1 else f"{name}#{counts[name]}"


def unique(variables):
    """Returns the list of `variables` in their order, without repetitions."""
    return list({id(variable): variable for variable in variables}.values())


def _prefixes(model):
    """Returns the path of the inner models around each variable, by the variable's `id`.

    A layer that several models share gets the path with the fewest inner models.
    """
    prefixes = {}
    waiting = collections.deque([(model, "")])
    while waiting:
        layer, prefix = waiting.popleft()
        inside = inner_layers(layer)
        below = {id(variable) for inner in inside for variable in inner.variables}
        for variable in layer.variables:
            if id(variable) not in below:
                prefixes.setdefault(id(variable), prefix)
        for inner in inside:
            if isinstance(inner, keras.Model):
                waiting.append((inner, f"{prefix}{inner.path or inner.name}/"))
            else:
                waiting.appendleft((inner, prefix))
    return prefixes
