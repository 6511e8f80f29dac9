"""Whether a checkpoint is of the run that wants to go on with it."""

import math

from keras_vit.errors import UserError


def named_state(model):
    """Returns every variable that training changes, by the name it has in a checkpoint."""
    return {f"state/{number:05d}": v for number, v in enumerate(model.training_state)}


def check_match(folder, found, model, callbacks, steps_per_epoch):
    """Raises a `ValueError` unless a checkpoint is of such a model and such a run.

    Args:
        folder: Where it stands.
        found: Its arrays by name, and its notes.
        model: The compiled model.
        callbacks: Those whose states belong to the run.
        steps_per_epoch: Of the run.
    """
    arrays, notes = found
    shapes = {name: tuple(variable.shape) for name, variable in named_state(model).items()}
    saved = {name: a.shape for name, a in arrays.items() if name.startswith("state/")}
    if shapes != saved:
        raise UserError(
            f"The checkpoint in {folder} is of another model or optimizer: it holds "
            f"{len(saved)} arrays of {_size(saved):,} numbers, this one {len(shapes)} of "
            f"{_size(shapes):,}."
        )
    if notes["steps_per_epoch"] != steps_per_epoch:
        raise UserError(
            f"The checkpoint in {folder} has epochs of {notes['steps_per_epoch']} steps: "
            f"received steps_per_epoch={steps_per_epoch}."
        )
    known = [each["name"] for each in notes["callbacks"]][:-1]  # without Keras' history
    given = [type(callback).__name__ for callback in callbacks]
    if known != given:
        raise UserError(
            f"The checkpoint in {folder} knows the callbacks {known}: received callbacks={given}."
        )


def _size(shapes):
    return sum(math.prod(shape) for shape in shapes.values())
