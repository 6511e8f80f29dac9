"""Reads the texts inside an exported model: task, class names and preprocessing."""

import json
import zipfile

from keras_vit.errors import UserError
from keras_vit.images.preprocessing import Preprocessing

CLASSIFICATION = "classification"  # the task of files that do not name one
ROLLOUT = "rollout"  # what the signature `attention` answers with if a file names no method
TOP_K = 5  # how many of the most probable classes a served model names
LABELS, METADATA = "labels.txt", "metadata.json"
FOLDER = "assets.extra"  # where a SavedModel keeps them
LARGEST = 16 * 2**20  # bytes of a text; an unknown file may claim any size


def texts_in(folder):
    """Reads class names and metadata from the files in a folder.

    Args:
        folder: A `pathlib.Path`.

    Returns:
        A dictionary of the texts by the names of their files; a missing file is left out.
    """
    files = (folder / name for name in (LABELS, METADATA))
    return {file.name: file.read_bytes().decode() for file in files if file.exists()}


def texts_in_zip(path):
    """Reads class names and metadata from the zip archive that is appended to a file.

    Args:
        path: The file.

    Returns:
        A dictionary of the texts by name, empty where there is no archive.

    Raises:
        ValueError: If one of them has more than `LARGEST` bytes.
    """
    if not zipfile.is_zipfile(path):
        return {}
    with zipfile.ZipFile(path) as archive:
        names = [name for name in (LABELS, METADATA) if name in archive.namelist()]
        for name in names:
            if archive.getinfo(name).file_size > LARGEST:
                raise UserError(f"{name} has more than {LARGEST:,} bytes")
        return {name: archive.read(name).decode() for name in names}


def read_metadata(texts):
    """Parses the texts of an export.

    Args:
        texts: The texts by name, `labels.txt` and `metadata.json`; both may be missing.

    Returns:
        A dictionary of `task`, a text, `options`, a dictionary, `class_names`, a tuple or `None`,
        `preprocessing`, a `Preprocessing`, and `attention`, a text.

    Raises:
        ValueError: If `metadata.json` is no JSON, holds no valid preprocessing, its task or the
            method of `attention` is no text, or the options of the task are no dictionary.
    """
    labels, metadata = texts.get(LABELS), json.loads(texts.get(METADATA, "{}"))
    names = None if labels is None else tuple(labels.split("\n"))
    preprocessing, method = Preprocessing.from_json(metadata), metadata.get("attention", ROLLOUT)
    if not isinstance(method, str):
        raise UserError(f"The method of `attention` must be a text: received {method!r:.50}.")
    return dict(
        **task_in(metadata), class_names=names, preprocessing=preprocessing, attention=method
    )


def task_in(metadata):
    """Returns `task` and `options` of metadata, a dictionary, as `read_metadata` does."""
    task, options = metadata.get("task", CLASSIFICATION), metadata.get("options", {})
    if not isinstance(task, str):
        raise UserError(f"The task must be a text: received {task!r:.50}.")
    if not isinstance(options, dict):
        raise UserError(f"The options of a task must be a dictionary: received {options!r:.50}.")
    return dict(task=task, options=options)
