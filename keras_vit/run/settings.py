"""The settings of a run: those that differ from the defaults as a line, and all in a file."""

import dataclasses
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
        f"Will train a Vision Transformer for {config.epochs} epochs, save it to {config.run_dir}"
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


def wrapped(text):
    """Breaks a text at its spaces, so that it fits the terminal; further lines are indented."""
    width = shutil.get_terminal_size().columns
    return textwrap.fill(
        text, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
