"""What a run saves besides its weights, and what a resumed run compares with it."""

import dataclasses
import time
from pathlib import Path

from keras_vit.data.sources import describe_change, fingerprint
from keras_vit.errors import UserError
from keras_vit.training import Checkpoints

# Flags that may differ when a run is resumed: they change no number of the training.
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
# Where the data lies; what it is, is compared itself.
PLACES = {"data", "data_dir", "source"}


def open_checkpoints(config, source, steps, devices):
    """Opens a run's checkpoints, and reads the notes of the newest one.

    Args:
        config: A recipe's `Training`.
        source: The `keras_vit.data.Source` that it learns from.
        steps: Steps of an epoch.
        devices: A `tf.distribute.Strategy`.

    Returns:
        `keras_vit.training.Checkpoints` whose `notes` say where the logs go, the flags, what the
        run learns from, and, once it is decided, whether XLA compiles.

    Raises:
        ValueError: If there is nothing to go on with, or the run had other flags or other data.
    """
    folder = Path(config.run_dir, "checkpoints")
    notes = {
        "logs": time.strftime("%Y%m%d-%H%M%S"),
        "flags": dataclasses.asdict(config),
        "data": fingerprint(source),
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
        _check_resumed_flags(config, found["flags"], PLACES if "data" in found else ())
        _check_data(config, found.get("data"), notes["data"])
        notes |= {name: found[name] for name in ("logs", "flags", "jit_compile")}
    return checkpoints


def _check_resumed_flags(config, saved, places):
    """Raises a `ValueError` unless a checkpoint's flags are this run's.

    A flag that the checkpoint does not know is younger than it: its default is what the run had.
    """
    for field in dataclasses.fields(config):
        name, value = field.name, _plain(getattr(config, field.name))
        before = saved.get(name, _plain(field.default))
        if name not in FREE_ON_RESUME and name not in places and before != value:
            raise UserError(
                f"A run goes on as it began: {name}={before!r} is in the checkpoint of "
                f"{config.run_dir}, received {name}={value!r}. Pass the same, another --run-dir, "
                "or --no-resume."
            )


def _check_data(config, before, now):
    """Raises a `ValueError` unless a checkpoint's data is this run's; an old one has no record."""
    if before is None:
        print(
            f"The checkpoint of {config.run_dir} does not record the data it was trained on: "
            "whether it has changed since is not checked."
        )
    elif change := describe_change(before, now):
        raise UserError(
            f"A run goes on with the data that it began with, recorded in the checkpoint of "
            f"{config.run_dir}: {change}. Restore the data, or pass another --run-dir or "
            "--no-resume."
        )


def _plain(value):
    """Returns a value as it is after a round trip through JSON."""
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
