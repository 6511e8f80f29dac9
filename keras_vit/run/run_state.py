"""The flags and the data that a run records, and that a resumed run must share."""

import dataclasses
import json
import time
from pathlib import Path

from keras_vit.data.sources import describe_change, fingerprint
from keras_vit.errors import UserError
from keras_vit.files import write_json
from keras_vit.training import Checkpoints

# Flags that may change when a run is resumed: the numbers of the training do not depend on them.
FREE_ON_RESUME = {
    "data_service",
    "patience",
    "resume",
    "save_every",
    "picture_epochs",
    "device",
    "worker",
    "workers",
    "run_dir",
    "export_dir",
    "export",
}
# Places of the data, which may have moved: the data itself is compared.
PLACES = {"data", "data_dir", "source"}
FINISHED = "checkpoints/finished.json"  # below the run directory


def open_checkpoints(config, source, steps, devices, callbacks=()):
    """Opens a run's checkpoints, and reads the notes of the newest one.

    Args:
        config: A recipe's `Training`.
        source: The `keras_vit.data.Source` that the run learns from.
        steps: Steps of an epoch.
        devices: What `open_devices` returned.
        callbacks: Callbacks whose states are saved, as `keras_vit.training.Checkpoints` has them.

    Returns:
        `keras_vit.training.Checkpoints`, whose `notes` hold the name of the folder for logs
        (`logs`), the flags (`flags`), a description of the data (`data`), pairs of an epoch, from
        0, and how many epochs the run had from there on (`lengths`) and, if a run is resumed,
        whether XLA compiles (`jit_compile`).

    Raises:
        ValueError: If `config.resume` is True and there is no checkpoint, if the checkpoint is not
            of a recipe, or if its run had other flags or other data.
        OSError: If a checkpoint cannot be opened.
    """
    folder = Path(config.run_dir, "checkpoints")
    notes = {
        "logs": time.strftime("%Y%m%d-%H%M%S"),
        "flags": dataclasses.asdict(config),
        "data": fingerprint(source),
        "lengths": [[0, config.epochs]],
    }
    checkpoints = Checkpoints(
        folder,
        steps_per_epoch=steps,
        every=config.save_every or None,
        callbacks=callbacks,
        notes=notes,
    )
    saved = None if config.resume is False else checkpoints.find(devices)
    if config.resume and saved is None:
        raise UserError(f"There is no checkpoint to go on with in {folder}.")
    if saved is not None and "flags" not in saved:
        raise UserError(f"The checkpoint in {folder} is no recipe's: take another --run-dir.")
    if saved is not None:
        _check_resumed_flags(config, saved["flags"], PLACES if "data" in saved else ())
        _check_data(config, saved.get("data"), notes["data"])
        kept = ("logs", "jit_compile", "baselines", "lengths")
        notes |= {name: saved[name] for name in kept if name in saved}
        notes["flags"] = {**saved["flags"], "epochs": config.epochs}
        if config.epochs > saved["flags"]["epochs"]:
            for callback in callbacks:
                callback.is_longer = True
            notes["lengths"] = [*notes["lengths"], [saved["step"] // steps, config.epochs]]
            print(
                f"The run of {saved['flags']['epochs']} epochs goes on to {config.epochs}: from "
                "here on its learning rates are those of a run of that length."
            )
    return checkpoints


def mark_finished(config):
    """Records that the run in a run directory is trained and delivered.

    Args:
        config: A recipe's `Training`.

    Raises:
        OSError: If the file cannot be written.
    """
    write_json(Path(config.run_dir, FINISHED), {"epochs": config.epochs})


def unmark_finished(config):
    """Removes what `mark_finished` recorded, when a run begins or goes on."""
    Path(config.run_dir, FINISHED).unlink(missing_ok=True)


def is_finished(config):
    """Returns whether the run is trained and delivered, with as many epochs as are asked for.

    Args:
        config: A recipe's `Training`.
    """
    path = Path(config.run_dir, FINISHED)
    return path.exists() and json.loads(path.read_text())["epochs"] == config.epochs


def _check_resumed_flags(config, saved, places):
    """Raises a `ValueError` unless a checkpoint's flags are those of this run.

    A flag that the checkpoint lacks was added later: its default is the value that the run had. A
    run may be extended to more epochs.
    """
    for field in dataclasses.fields(config):
        name, value = field.name, _plain(getattr(config, field.name))
        before = saved.get(name, _plain(field.default))
        if name == "epochs" and value > before:
            continue
        if name not in FREE_ON_RESUME and name not in places and before != value:
            raise UserError(
                f"A run goes on as it began: {name}={before!r} is in the checkpoint of "
                f"{config.run_dir}, received {name}={value!r}. Pass the same, another --run-dir, "
                "or --no-resume."
            )


def _check_data(config, before, now):
    """Raises a `ValueError` if a checkpoint records other data; an old one records none."""
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
