"""Reads values of a configuration file and checks the type of each: anyone may have written it."""

import numbers
import sys

from keras_vit.errors import UserError


def _is_number(value):
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return is_number and (isinstance(value, float) or abs(value) <= sys.float_info.max)


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
    """Returns one value of a configuration, after a check of its type.

    Args:
        config: The configuration, a dictionary.
        name: The value's name.
        kind: What it must be, a key of `KINDS`.

    Returns:
        The value, or `None` where the configuration has none.

    Raises:
        ValueError: If the value is not of this kind.
    """
    value = config.get(name)
    if value is not None and not KINDS[kind](value):
        raise UserError(f"A configuration's {name} must be {kind}: received {value!r}.")
    return value


def by_number(values):
    """Turns a dictionary with the keys `"0"`, `"1"`, ... into a list.

    Args:
        values: The dictionary, for example `id2label` of a `config.json`.

    Returns:
        A list of as many values, in the order of the numbers; `None` stands for a missing one.
    """
    return [values.get(str(index)) for index in range(len(values))]
