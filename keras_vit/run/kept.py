"""The weights that a run keeps: those of its last epoch, and those of its best."""

from pathlib import Path

from keras_vit.export import save_keras
from keras_vit.run.settings import wrapped
from keras_vit.training import KeepBest, copy_merged


def best_of(config, task):
    """Makes the callback that keeps the best epoch of a run by what its task watches.

    Args:
        config: A recipe's `Training`.
        task: The `keras_vit.tasks.Task`.

    Returns:
        A `keras_vit.training.KeepBest`.
    """
    return KeepBest(
        Path(config.run_dir, "checkpoints", "best.npz"),
        task.watched,
        higher_is_better=task.higher_is_better and task.watched != "loss",
        patience=config.patience,
    )


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
    last = task.deploy(copied(build(task.class_names), model))
    if best.best is None:  # a best one that lies there is of an earlier run
        for stale in (best.path, Path(config.run_dir, "best.keras")):
            stale.unlink(missing_ok=True)
        return last, "last"
    save_keras(last, Path(config.run_dir, "last.keras"), preprocessing=preprocessing)
    try:
        best.restore()
    except (OSError, ValueError) as error:
        print(f"The last epoch is delivered: {error}")
        return last, "last"
    epoch, figure = best.best["epoch"], best.best["figure"]
    which = f"Epoch {epoch}" if epoch else "The start, before the first epoch,"
    said = (
        f"{which} is the best, with {task.watched.replace('_', ' ')} "
        f"{task.text(task.watched, figure)} on val: best.keras holds its weights, last.keras those "
        "of the last epoch."
    )
    print(wrapped(said))
    return task.deploy(copied(build(task.class_names), model)), "best"


def copied(plain, model):
    """Gives a new graph, on one device and in float32, the weights of the model that trains.

    Args:
        plain: What `build` returned.
        model: The model that trains.

    Returns:
        The new graph.
    """
    copy_merged(model, plain)
    return plain
