"""What a run leaves for the one that goes on with it."""

import dataclasses
import time
from pathlib import Path

from keras_vit.errors import UserError
from keras_vit.training import Checkpoints

# Where a run may be taken up again with another value: it changes no number of the training.
FREE_ON_RESUME = {
    "data_service",
    "resume",
    "save_every",
    "device",
    "worker",
    "workers",
    "run_dir",
    "export_dir",
}


def open_checkpoints(config, steps, devices):
    """Opens a run's checkpoints, and takes up its notes where there are any.

    Args:
        config: A recipe's `keras_vit.run.flags.Training`.
        steps: Steps of an epoch.
        devices: A `tf.distribute.Strategy`.

    Returns:
        `keras_vit.training.Checkpoints` whose `notes` say where the logs go, the flags, and, once
        it is decided, whether XLA compiles.

    Raises:
        ValueError: If there is nothing to go on with, or the run had other flags.
    """
    folder = Path(config.run_dir, "checkpoints")
    notes = {
        "logs": time.strftime("%Y%m%d-%H%M%S"),
        "flags": dataclasses.asdict(config),
    }
    checkpoints = Checkpoints(
        folder, steps_per_epoch=steps, every=config.save_every or None, notes=notes
    )
    found = None if config.resume is False else checkpoints.find(devices)
    if config.resume and found is None:
        raise UserError(f"There is no checkpoint to go on with in {folder}.")
    if found is not None and "flags" not in found:
        raise UserError(f"The checkpoint in {folder} is no recipe's: take another --run-dir.")
    if found is not None:
        _check_flags(config, found["flags"])
        checkpoints.notes = {name: found[name] for name in ("logs", "flags", "jit_compile")}
    return checkpoints


def _check_flags(config, saved):
    """Raises a `ValueError` unless a checkpoint's flags are this run's."""
    fields = {name: _plain(value) for name, value in dataclasses.asdict(config).items()}
    for name, value in fields.items():
        if name not in FREE_ON_RESUME and saved.get(name) != value:
            raise UserError(
                f"A run goes on as it began: {name}={saved.get(name)!r} is in the checkpoint of "
                f"{config.run_dir}, received {name}={value!r}. Pass the same, another --run-dir, "
                "or --no-resume."
            )


def _plain(value):
    """Returns a value as JSON gives it back."""
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
