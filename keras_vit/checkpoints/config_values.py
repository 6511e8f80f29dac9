"""Values of a configuration, each checked for its kind: the file may be anyone's."""

import numbers

from keras_vit.errors import UserError


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value):
    return isinstance(value, str)


def _are(is_one):
    return lambda values: isinstance(values, list) and values and all(map(is_one, values))


KINDS = {
    "a number": _is_number,
    "numbers": _are(_is_number),
    "an integer": _is_integer,
    "integers": _are(_is_integer),
    "true or false": lambda value: isinstance(value, bool),
    "a text": _is_text,
    "texts": _are(_is_text),
    "an object": lambda value: isinstance(value, dict),
}


def value_of(config, name, kind):
    """Returns a value of a configuration, `None` where it has none.

    Args:
        config: The configuration, a dictionary.
        name: The value's name.
        kind: What it must be, a key of `KINDS`.

    Raises:
        ValueError: If it is something else.
    """
    value = config.get(name)
    if value is not None and not KINDS[kind](value):
        raise UserError(f"A configuration's {name} must be {kind}: received {value!r}.")
    return value


def by_number(values):
    """Returns a list of values that a configuration numbers, `None` where a number is missing."""
    return [values.get(str(index)) for index in range(len(values))]
