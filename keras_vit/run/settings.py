"""The settings of a run: those that differ from the defaults as a line, and all in a file."""

import dataclasses
import json
import shutil
import textwrap
from pathlib import Path

from keras_vit.files import write_json

FILE = "settings.json"


def changed_settings(config, *, left_out=()):
    """Returns the fields of a dataclass that differ from their defaults.

    Args:
        config: An instance of the dataclass.
        left_out: Names of fields that are left out.

    Returns:
        Their values by name.
    """
    return {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(config)
        if field.name not in left_out and getattr(config, field.name) != field.default
    }


def announce(config, source):
    """Prints what a run will do, with which data and settings, in lines that fit the terminal.

    Args:
        config: A recipe's `Training`.
        source: The `keras_vit.data.Source` that it learns from.
    """
    changed = changed_settings(config).items()
    settings = ", ".join(f"{name}={value}" for name, value in changed) or "the defaults"
    then = (
        f", export it to {config.export_dir}, reload the exports and compare them on the test split"
    )
    for text in (
        *source.notes,
        f"Will train a model for {config.epochs} epochs, save it to {config.run_dir}"
        f"{then if config.export else ''}.",
        str(source),
        f"Settings: {settings}; all are in {Path(config.run_dir, FILE)}.",
    ):
        print(wrapped(text))


def write_settings(config):
    """Writes all settings of a run to `settings.json` in its folder.

    Args:
        config: A recipe's `Training`.

    Raises:
        OSError: If the file cannot be written.
    """
    write_json(Path(config.run_dir, FILE), dataclasses.asdict(config))


def as_before(config):
    """Sets what nobody gave to what a run had that will go on.

    Flags that follow the data or each other would change where a run is extended, and so would the
    run.

    Args:
        config: The flags of a command, `None` where nobody gave one.

    Returns:
        The flags, as they are where no run will go on.
    """
    path = Path(config.run_dir, FILE)
    if config.resume is False or not path.exists():
        return config
    if not any(Path(config.run_dir, "checkpoints").glob("step-*.npz")):
        return config
    before = json.loads(path.read_text())
    names = {field.name for field in dataclasses.fields(config)} & before.keys()
    missing = {name: before[name] for name in names if getattr(config, name) is None}
    return dataclasses.replace(config, **missing)


def wrapped(text):
    """Breaks a text at its spaces, so that it fits the terminal; further lines are indented."""
    width = shutil.get_terminal_size().columns
    return textwrap.fill(
        text, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
