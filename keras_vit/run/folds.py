"""Cross-validation: every training picture is held out once."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from keras_vit.data.hold_out import in_parts
from keras_vit.errors import UserError

NEVER = 2**31  # epochs between two evaluations


def cross_validate(config, source, task, run: Callable[..., object]):
    """Trains without one part of the training pictures, for each part in turn, and on all at last.

    Each fold is a run of its own in `fold-1`, `fold-2` and so on below the run directory, and the
    last run is in `all`; each can be stopped and resumed. A fold's last epoch is scored on the part
    that was left out: nothing is chosen by it, so the mean over the folds estimates what the last
    run is worth, which trains on all pictures in the same way. One part of a small set says little;
    the mean has seen every picture. It costs as many trainings as there are folds, and one more.

    Args:
        config: The flags of a command; `config.folds` parts are made, and with 0 there is only
            the last run, as the flags say.
        source: A `keras_vit.data.Source` with the splits `train` and `test`, and no `val`.
        task: The `keras_vit.tasks.Task`.
        run: Called as `run(flags, source=source)`, trains; what it returns for the last run is
            returned.

    Raises:
        ValueError: If there is a split `val`, the training pictures cannot be picked one by one, or
            there are fewer of them than parts.
    """
    if not config.folds:
        return run(config, source=source)
    if config.workers or keras.backend.backend() == "jax":
        raise UserError(
            "`folds` is for one worker on the TensorFlow backend, which scores each fold: received "
            f"workers={config.workers!r}, backend {keras.backend.backend()}."
        )
    if "val" in source.splits:
        raise UserError(
            f"`folds` is for sources without a validation split, which {source.name} has: received "
            f"folds={config.folds}."
        )
    count, figures = config.folds, []
    resume = None if config.resume else config.resume  # some folds may not have begun
    config = dataclasses.replace(config, folds=0, val_fraction=0.0, resume=resume)
    for number, (rest, part) in enumerate(in_parts(source.splits["train"], count), 1):
        print(f"\nFold {number} of {count}, without {part.count:,} pictures:")
        folder = Path(config.run_dir, f"fold-{number}")
        fold = dataclasses.replace(source, splits={"train": rest, "test": part})
        run(dataclasses.replace(config, export=False, run_dir=str(folder)), source=fold)
        results = json.loads((folder / "results.json").read_text())
        headline = next(name for name in results if name.startswith("test_"))
        figures.append(results[headline])
    name = headline.removeprefix("test_")
    shown = ", ".join(task.text(name, figure) for figure in figures)
    print(
        f"\nCross-validation in {count} folds: {name.replace('_', ' ')} {shown}; mean "
        f"{task.text(name, np.mean(figures))}, standard deviation "
        f"{task.text(name, np.std(figures, ddof=1))}.\nNow all training pictures:"
    )
    # The test split is not watched: it is scored once, at the end.
    unwatched = dict(validation_epochs=NEVER, picture_epochs=0)
    folder = str(Path(config.run_dir, "all"))
    return run(dataclasses.replace(config, run_dir=folder, **unwatched), source=source)
