"""What a callback knows, as something that can be saved: numbers, words and arrays."""

import inspect

import numpy as np

OF_THE_RUN = {"params", "model", "_model"}  # set anew by every `fit`


def callback_state(callback, arrays):
    """Collects the attributes of a callback that are numbers, words, arrays, or lists of these.

    Attributes that are called as an argument of the constructor is are settings, not states: they
    are as the callback was made.

    Args:
        callback: A Keras callback; its functions, models and files stay outside.
        arrays: A dictionary that arrays are added to, under names that the state mentions.

    Returns:
        What JSON can hold.
    """
    state = {}
    settings = {
        name
        for kind in type(callback).__mro__
        for name in inspect.signature(kind.__init__).parameters
    }
    for name, value in vars(callback).items():
        if name not in OF_THE_RUN | settings:
            try:
                state[name] = _pack(value, arrays)
            except TypeError:
                continue
    return state


def set_callback_state(callback, state, arrays):
    """Sets a callback to what `callback_state` collected."""
    for name, value in state.items():
        setattr(callback, name, _unpack(value, arrays))


def _pack(value, arrays):
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return {"list": [_pack(item, arrays) for item in value]}
    if isinstance(value, dict) and all(isinstance(key, (int, str)) for key in value):
        return {"dict": [[key, _pack(item, arrays)] for key, item in value.items()]}
    if isinstance(value, np.generic):
        value = np.asarray(value)
    if isinstance(value, np.ndarray) and value.dtype != object:
        name = f"callback/{sum(key.startswith('callback/') for key in arrays):05d}"
        arrays[name] = value
        return {"array": name}
    raise TypeError(f"No number, word or array: {type(value).__name__}.")


def _unpack(value, arrays):
    if not isinstance(value, dict):
        return value
    (kind, content), *_ = value.items()
    if kind == "array":
        return arrays[content] if arrays[content].ndim else arrays[content][()]
    if kind == "list":
        return [_unpack(item, arrays) for item in content]
    return {key: _unpack(item, arrays) for key, item in content}
