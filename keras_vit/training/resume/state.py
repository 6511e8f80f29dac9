"""What a resumed run restores in its model: variables by name, running sums of metrics."""

import re

import numpy as np

from keras_vit.errors import UserError
from keras_vit.keras_private import all_layers

STATE = "state/"  # prefix of the names of variables; other arrays have other prefixes
NUMBER = re.compile(r"_\d+$")


def variable_arrays(model):
    """Reads the values of all variables that training changes.

    Args:
        model: A compiled `TrainingModel` or `JaxTrainingModel`.

    Returns:
        NumPy arrays by their names in a checkpoint.
    """
    return {STATE + name: each.numpy() for name, each in model.training_state.items()}


def match_variables(place, arrays, model, variables=None):
    """Finds the array of each variable of a model by the variable's name, in any order.

    Keras numbers layers and optimizers without a name, as in `dense_3`, and goes on counting as
    long as a process builds layers: of these numbers only the order is compared.

    Args:
        place: Where the checkpoint is, for the messages.
        arrays: The checkpoint's arrays by name.
        model: The compiled model.
        variables: Variables of the model by name; by default all that training changes.

    Returns:
        Pairs of a variable and its array.

    Raises:
        ValueError: If the checkpoint is of another model or optimizer, or of a version that did
            not record names.
    """
    saved = {name[len(STATE) :]: array for name, array in arrays.items() if name.startswith(STATE)}
    variables = model.training_state if variables is None else variables
    if saved and all(name.isdecimal() for name in saved):
        raise UserError(
            f"The checkpoint in {place} is of an older version, which did not record the names of "
            "weights: end the run with that version, or begin anew in another folder."
        )
    numbered = _numbered_by_keras(model)
    there, here = (_without_numbers(names, numbered) for names in (saved, variables))
    if there.keys() != here.keys():
        only_there = [there[key] for key in there if key not in here]
        only_here = [here[key] for key in here if key not in there]
        raise UserError(
            f"The checkpoint in {place} is of another model or optimizer: it holds {len(there)} "
            f"variables and this one {len(here)}; only it has {(only_there or ['none'])[0]}, and "
            f"only this one {(only_here or ['none'])[0]}."
        )
    pairs = []
    for key, name in here.items():
        array, shape = saved[there[key]], tuple(variables[name].shape)
        if array.shape != shape:
            raise UserError(
                f"The checkpoint in {place} is of another model or optimizer: {name} has the "
                f"shape {array.shape} in it and {shape} here."
            )
        pairs.append((variables[name], array))
    return pairs


def _without_numbers(names, numbered):
    """Returns a dictionary of names, by keys that replace Keras' numbers by their rank.

    `dense` and `dense_1` get the same two keys as `dense_4` and `dense_5`, in any order.
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
    """Returns a pattern of the numbers that Keras appends to names made from class names."""
    named = [*all_layers(model), model.optimizer, *getattr(model.optimizer, "optimizers", [])]
    bases = {"seed_generator"}
    for each in named:
        base = NUMBER.sub("", each.name)
        if base.replace("_", "") == type(each).__name__.lower():
            bases.add(base)
    behind = "|".join(f"(?<={re.escape(base)})" for base in sorted(bases))
    return re.compile(rf"(?:{behind})_(\d+)(?=[_/#]|$)")


def metric_arrays(model, workers):
    """Reads the running sums of the metrics, which differ between replicas.

    Args:
        model: The compiled model, in the middle of an epoch.
        workers: Its `keras_vit.training.Workers`; all must call this.

    Returns:
        Arrays `(R, ...)` by their names in a checkpoint, for `R` replicas of all workers.
    """
    arrays = {}
    for number, values in enumerate(model.read_metrics()):
        values = workers.gather(values)
        arrays[f"metric/{number:03d}"] = values.reshape(-1, *values.shape[2:])
    return arrays


def set_metrics(model, workers, arrays):
    """Restores the running sums of the metrics in each replica.

    If the number of replicas has changed, the first one gets the sum over all, the others zeros.

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
    """Raises a `ValueError` unless a checkpoint fits the callbacks and the length of an epoch.

    Args:
        folder: Where the checkpoint is, for the messages.
        notes: The checkpoint's notes.
        callbacks: The callbacks whose states are saved.
        steps_per_epoch: Steps of an epoch.

    Raises:
        ValueError: If the checkpoint has epochs of another length, or callbacks of other classes
            or in another order.
    """
    if notes["steps_per_epoch"] != steps_per_epoch:
        raise UserError(
            f"The checkpoint in {folder} has epochs of {notes['steps_per_epoch']} steps: received "
            f"steps_per_epoch={steps_per_epoch}."
        )
    saved = [each["name"] for each in notes["callbacks"]][:-1]  # without Keras' history
    names = [type(callback).__name__ for callback in callbacks]
    if saved != names:
        raise UserError(
            f"The checkpoint in {folder} knows the callbacks {saved}: received callbacks={names}."
        )
