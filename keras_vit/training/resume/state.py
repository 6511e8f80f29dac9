"""What goes on with a run: variables by name, running sums of metrics, states of callbacks."""

import re

import keras
import numpy as np

from keras_vit.errors import UserError
from keras_vit.keras_private import MODEL_CHECKPOINT_STATE, all_layers

STATE = "state/"  # before the names of variables; what else is saved stands beside it
NUMBER = re.compile(r"_\d+$")

# Keras' callbacks that have a state: attributes that are no arguments of the constructor.
ATTRIBUTES = {
    keras.callbacks.EarlyStopping: ("wait", "stopped_epoch", "best", "best_weights", "best_epoch"),
    keras.callbacks.ModelCheckpoint: MODEL_CHECKPOINT_STATE,
    keras.callbacks.History: ("epoch", "history"),
}


def variable_arrays(model):
    """Returns the values of all variables that training changes, by their names in a checkpoint."""
    return {STATE + name: each.numpy() for name, each in model.training_state.items()}


def match_variables(folder, arrays, model):
    """Finds the array of each variable of a model by its name, whatever the order.

    Of the numbers that Keras gives to layers and optimizers without a name, `dense_3`, only the
    order counts: they go on from what a process has built before.

    Args:
        folder: Where the checkpoint is, for the messages.
        arrays: The checkpoint's arrays by name.
        model: The compiled model.

    Returns:
        Pairs of a variable and its array.

    Raises:
        ValueError: If the checkpoint is of another model or optimizer, or names no variables.
    """
    saved = {name[len(STATE) :]: array for name, array in arrays.items() if name.startswith(STATE)}
    variables = model.training_state
    if saved and all(name.isdecimal() for name in saved):
        raise UserError(
            f"The checkpoint in {folder} is of an older version, which did not record the names of "
            "weights: end the run with that version, or begin anew in another folder."
        )
    numbered = _numbered_by_keras(model)
    there, here = (_without_numbers(names, numbered) for names in (saved, variables))
    if there.keys() != here.keys():
        only_there = [there[key] for key in there if key not in here]
        only_here = [here[key] for key in here if key not in there]
        raise UserError(
            f"The checkpoint in {folder} is of another model or optimizer: it holds {len(there)} "
            f"variables and this one {len(here)}; only it has {(only_there or ['none'])[0]}, and "
            f"only this one {(only_here or ['none'])[0]}."
        )
    pairs = []
    for key, name in here.items():
        array, shape = saved[there[key]], tuple(variables[name].shape)
        if array.shape != shape:
            raise UserError(
                f"The checkpoint in {folder} is of another model or optimizer: {name} has the "
                f"shape {array.shape} in it and {shape} here."
            )
        pairs.append((variables[name], array))
    return pairs


def _without_numbers(names, numbered):
    """Returns names by what they are without Keras' numbers, but for the order of these.

    `dense` and `dense_1` become the same two keys as `dense_4` and `dense_5`, in any order.
    """
    groups = {}
    for name in names:
        numbers = [int(number) for number in numbered.findall(name)]
        groups.setdefault(numbered.sub("", name), []).append((numbers, name))
    return {
        (base, rank): name
        for base, group in groups.items()
        for rank, (_, name) in enumerate(sorted(group))
    }


def _numbered_by_keras(model):
    """Returns a pattern of the numbers behind names that Keras has made of the names of classes."""
    named = [*all_layers(model), model.optimizer, *getattr(model.optimizer, "optimizers", [])]
    bases = {"seed_generator"}
    for each in named:
        base = NUMBER.sub("", each.name)
        if base.replace("_", "") == type(each).__name__.lower():
            bases.add(base)
    behind = "|".join(f"(?<={re.escape(base)})" for base in sorted(bases))
    return re.compile(rf"(?:{behind})_(\d+)(?=[_/#]|$)")


def metric_arrays(model, workers):
    """Reads the running sums of an epoch, which differ between replicas: `(R, ...)` each."""
    arrays = {}
    for number, values in enumerate(model.read_metrics()):
        values = workers.gather(values)
        arrays[f"metric/{number:03d}"] = values.reshape(-1, *values.shape[2:])
    return arrays


def set_metrics(model, workers, arrays):
    """Gives each replica its running sums back, or their sum to the first of another number.

    Args:
        model: The compiled model.
        workers: Its `keras_vit.training.Workers`.
        arrays: The checkpoint's arrays by name.

    Raises:
        ValueError: If the checkpoint is of other metrics.
    """
    names = sorted(name for name in arrays if name.startswith("metric/"))
    now = model.read_metrics()
    if [arrays[name].shape[1:] for name in names] != [values.shape[1:] for values in now]:
        raise UserError(
            f"The checkpoint is of other metrics: it holds {len(names)} sums, and the model "
            f"{len(now)} of its own; compile it with the metrics it had."
        )
    replicas = workers.count * len(now[0])
    mine = slice(workers.index * len(now[0]), (workers.index + 1) * len(now[0]))
    values = []
    for name in names:
        saved = arrays[name]
        if len(saved) != replicas:
            saved = np.stack([saved.sum(axis=0), *[np.zeros_like(saved[0])] * (replicas - 1)])
        values.append(saved[mine])
    model.write_metrics(values)


def check_run(folder, notes, callbacks, steps_per_epoch):
    """Raises a `ValueError` unless the notes of a checkpoint are of such a run."""
    if notes["steps_per_epoch"] != steps_per_epoch:
        raise UserError(
            f"The checkpoint in {folder} has epochs of {notes['steps_per_epoch']} steps: received "
            f"steps_per_epoch={steps_per_epoch}."
        )
    known = [each["name"] for each in notes["callbacks"]][:-1]  # without Keras' history
    given = [type(callback).__name__ for callback in callbacks]
    if known != given:
        raise UserError(
            f"The checkpoint in {folder} knows the callbacks {known}: received callbacks={given}."
        )


def check_callback(callback):
    """Raises a `ValueError` unless a callback's state can be saved."""
    if not _attributes(callback) and not hasattr(callback, "get_state"):
        raise UserError(
            "A callback whose state goes on with a run is Keras' EarlyStopping or ModelCheckpoint, "
            "or has `get_state()`, which returns a dictionary, and `set_state(state)`: received "
            f"{type(callback).__name__}."
        )


def callback_state(callback, arrays):
    """Returns a callback's state as JSON can hold it, its arrays apart.

    Args:
        callback: A callback that `check_callback` lets pass. Its `get_state`, if it has one,
            returns a dictionary of numbers, strings, arrays, lists and dictionaries.
        arrays: A dictionary that takes the arrays, under names that the state mentions.
    """
    if hasattr(callback, "get_state"):
        return _without_arrays(callback.get_state(), arrays)
    # Some are made only when they are first used.
    known = {name: getattr(callback, name, None) for name in _attributes(callback)}
    return _without_arrays(known, arrays)


def set_callback_state(callback, state, arrays):
    """Sets a callback to what `callback_state` returned."""
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
