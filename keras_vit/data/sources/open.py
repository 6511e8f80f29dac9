"""A source by what a person types."""

import os
from pathlib import Path

from keras_vit.data.sources.digits import digits
from keras_vit.data.sources.folder import from_folder
from keras_vit.data.sources.table import from_table
from keras_vit.data.sources.tfds import UnknownSetError, from_tfds
from keras_vit.errors import UserError


def open_source(text, *, data_dir=None, test_fraction=None):
    """Opens `digits`, a folder, a `.csv` or `.jsonl` table, or a set of TFDS by its name.

    Args:
        text: What to open. `folder:DIR` is a folder whatever else it may look like.
        data_dir: Folder of prepared sets of TFDS.
        test_fraction: Share of the test split where a folder or table has none.

    Returns:
        A `Source`.

    Raises:
        ValueError: If it cannot be opened, or an argument is given that it does not take.
    """
    text = os.fspath(text)
    if text.removeprefix("folder:") == "":
        raise UserError(f"A source must have a name: received {text!r}.")
    is_folder = text.startswith("folder:") or Path(text).is_dir()
    if is_folder or Path(text).suffix.lower() in (".csv", ".jsonl"):
        _refuse("data_dir", data_dir, text)
        open_files = from_folder if is_folder else from_table
        return open_files(text.removeprefix("folder:"), test_fraction=test_fraction)
    _refuse("test_fraction", test_fraction, text)
    if text == "digits":
        _refuse("data_dir", data_dir, text)
        return digits()
    if Path(text).is_file():
        raise UserError(f"A file must end in .csv or .jsonl to be a source: received {text}.")
    try:
        return from_tfds(text, data_dir=data_dir)
    except UnknownSetError as error:
        raise UserError(
            f"{text} is neither digits, a folder, a .csv nor a .jsonl file: {error}"
        ) from error


def _refuse(name, value, text):
    if value is not None:
        raise UserError(f"`{name}` means nothing to {text}: received {name}={value}.")
