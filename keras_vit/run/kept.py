"""The weights that a run keeps: those of its last epoch, and those of its best."""

from pathlib import Path

from keras_vit.export import save_keras
from keras_vit.training import copy_merged


def keep_weights(config, task, build, model, best, preprocessing):
    """Saves the last epoch's weights where another epoch was chosen, and prepares the chosen ones.

    Args:
        config: A recipe's `Training`.
        task: The `keras_vit.tasks.Task`.
        build: As `keras_vit.run.train` takes it.
        model: The model that was trained; it has the weights of the best epoch afterwards.
        best: The `keras_vit.training.KeepBest` of the run.
        preprocessing: The `Preprocessing` of evaluation, saved with the model.

    Returns:
        The model that is delivered, as `task.deploy` returns it, and the name of its file: `"best"`
        or, where nothing was chosen, `"last"`.

    Raises:
        OSError: If a file cannot be read or written.
    """
    last = _deployed(task, build, model)
    if best.best is None:
        return last, "last"
    save_keras(last, Path(config.run_dir, "last.keras"), preprocessing=preprocessing)
    best.restore()
    epoch, figure = best.best["epoch"], best.best["figure"]
    which = f"Epoch {epoch}" if epoch else "The start, before the first epoch,"
    print(
        f"{which} is the best, with {task.watched.replace('_', ' ')} "
        f"{task.text(task.watched, figure)} on val: best.keras holds its weights, last.keras those "
        "of the last epoch."
    )
    return _deployed(task, build, model), "best"


def _deployed(task, build, model):
    """Returns what is saved of a model: a new graph on one device, in float32, deployed."""
    trained = build(task.class_names)
    copy_merged(model, trained)
    return task.deploy(trained)
