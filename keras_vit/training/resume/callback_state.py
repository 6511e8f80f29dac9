"""The states of callbacks, saved and restored with a run."""

import keras
import numpy as np

from keras_vit.errors import UserError
from keras_vit.keras_private import MODEL_CHECKPOINT_STATE

# Keras' callbacks that have a state, and the attributes that hold it.
ATTRIBUTES = {
    keras.callbacks.EarlyStopping: ("wait", "stopped_epoch", "best", "best_weights", "best_epoch"),
    keras.callbacks.ModelCheckpoint: MODEL_CHECKPOINT_STATE,
    keras.callbacks.History: ("epoch", "history"),
}


def check_callback(callback):
    """Raises a `ValueError` unless a callback's state can be saved.

    Args:
        callback: A `keras.callbacks.Callback`.

    Raises:
        ValueError: If it is neither Keras' `EarlyStopping`, `ModelCheckpoint` or `History`, nor has
            a method `get_state`.
    """
    if not _attributes(callback) and not hasattr(callback, "get_state"):
        raise UserError(
            "A callback whose state is saved must be Keras' EarlyStopping or ModelCheckpoint, or "
            "have `get_state()`, which returns a dictionary, and `set_state(state)`: received "
            f"{type(callback).__name__}."
        )


def callback_state(callback, arrays):
    """Reads a callback's state in a form that JSON can hold, and moves its arrays elsewhere.

    Args:
        callback: A callback that `check_callback` accepts. Its `get_state`, if it has one, returns
            a dictionary of numbers, strings, arrays, lists and dictionaries.
        arrays: A dictionary to which the arrays are added, under names that the state mentions.

    Returns:
        The state, a dictionary.
    """
    if hasattr(callback, "get_state"):
        return _without_arrays(callback.get_state(), arrays)
    # Keras sets some attributes only when they are first used.
    state = {name: getattr(callback, name, None) for name in _attributes(callback)}
    return _without_arrays(state, arrays)


def set_callback_state(callback, state, arrays):
    """Restores a callback's state.

    Args:
        callback: A callback that `check_callback` accepts.
        state: What `callback_state` returned.
        arrays: The checkpoint's arrays by name, which hold those of the state.
    """
    state = _with_arrays(state, arrays)
    if hasattr(callback, "set_state"):
        callback.set_state(state)
    else:
        for name, value in state.items():
            setattr(callback, name, value)


def _attributes(callback):
    return next((names for kind, names in ATTRIBUTES.items() if isinstance(callback, kind)), ())


def _without_arrays(value, arrays):
    if isinstance(value, dict):
        return {key: _without_arrays(item, arrays) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_arrays(item, arrays) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        name = f"callback/{sum(key.startswith('callback/') for key in arrays):05d}"
        arrays[name] = np.asarray(value)
        return {"array": name}
    return value


def _with_arrays(value, arrays):
    if isinstance(value, list):
        return [_with_arrays(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"array"}:
        array = arrays[value["array"]]
        return array if array.ndim else array[()]
    return {key: _with_arrays(item, arrays) for key, item in value.items()}
