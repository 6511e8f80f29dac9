"""Parses the names that `keras_vit.export` writes: which version of a model a path holds."""

import os
import re
from pathlib import Path

# What follows the number: `3/` is a SavedModel, `3-int8.tflite` a file.
SUFFIXES = (
    "",
    ".tflite",
    "-float16.tflite",
    "-int8.tflite",
    "-int8-dense.tflite",
    "-int8-full.tflite",
    "-int16.tflite",
    "-int4.tflite",
    ".onnx",
    "-openvino",
)
REPORTS = (".json", ".md")
REJECTED = ".rejected"  # follows the whole name
# At most 18 digits: TensorFlow Serving counts versions in 64 bits.
NAME = re.compile(
    rf"([0-9]{{1,18}})(?:(?:{'|'.join(map(re.escape, SUFFIXES))})(?:{re.escape(REJECTED)})?"
    rf"|{'|'.join(map(re.escape, REPORTS))})"
)


def version_of(name):
    """Returns the version in the name of an export.

    Args:
        name: Name of a file or folder, for example `"3-int8.tflite"`.

    Returns:
        The number, or `None` if `keras_vit.export` writes no such name.
    """
    match = NAME.fullmatch(name)
    return int(match[1]) if match else None


def versions(folder):
    """Lists the versions in a folder.

    Args:
        folder: Folder of the versions.

    Returns:
        A list of their numbers, ascending, each once.
    """
    names = {path.name for path in Path(folder).iterdir()}
    numbers = {version_of(name) for name in names if not _is_note(name, names)}
    return sorted(numbers - {None})


def _is_note(name, names):
    """Says whether one of the two reports of a version, `2024.md`, stands without the other."""
    stem, suffix = os.path.splitext(name)
    return suffix in REPORTS and not all(stem + each in names for each in REPORTS)


def newest_saved_model(folder):
    """Returns the SavedModel with the highest version in a folder.

    Args:
        folder: Folder of the versions, a `pathlib.Path`.

    Returns:
        Its `pathlib.Path`, or `None` if there is no SavedModel.
    """
    models = [
        path
        for path in folder.iterdir()
        if path.name.isascii() and path.name.isdecimal() and (path / "saved_model.pb").is_file()
    ]
    return max(models, key=lambda path: int(path.name), default=None)


def needs_tensorflow(path):
    """Says whether a model runs on TensorFlow: a `.keras` file or a SavedModel.

    Args:
        path: The file or folder.
    """
    path = Path(path)
    return path.suffix == ".keras" or (path.is_dir() and not is_openvino(path))


def is_openvino(path):
    """Says whether a path is a folder of OpenVINO.

    Args:
        path: A `pathlib.Path`.
    """
    return path.is_dir() and (path / "model.xml").exists()
