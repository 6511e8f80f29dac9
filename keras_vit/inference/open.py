"""Opens a model on disk in any of the supported formats."""

from pathlib import Path

from keras_vit.errors import UserError, reason_of
from keras_vit.inference.keras_runtime import open_keras
from keras_vit.inference.runtimes import (
    open_litert,
    open_onnx,
    open_openvino,
    open_saved_model,
)
from keras_vit.inference.versions import is_openvino, newest_saved_model

OPENERS = {".keras": open_keras, ".tflite": open_litert, ".onnx": open_onnx}


def open_artefact(path, *, threads=None):
    """Loads a `.keras`, `.tflite` or `.onnx` file, a SavedModel folder or one of OpenVINO.

    Args:
        path: The file or folder. From a folder of versions the newest SavedModel is loaded.
        threads: How many threads compute; all by default. A model that runs on TensorFlow must be
            opened before TensorFlow computes anything if this is set.

    Returns:
        An `Artefact`.

    Raises:
        FileNotFoundError: If there is nothing at `path`.
        ValueError: If the path is none of these formats, cannot be read, answers a black image with
            something else than its task promises, or needs an extra that is not installed.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no model at {path}.")
    if is_openvino(path):
        opener = open_openvino
    elif path.is_dir():
        path, opener = _newest_version(path), open_saved_model
    elif path.suffix in OPENERS:
        opener = OPENERS[path.suffix]
    else:
        raise UserError(
            f"A model is a {', '.join(OPENERS)} file or a folder of SavedModel or OpenVINO, which "
            f"keras-vit import makes of a checkpoint: received {path}."
        )
    try:
        return opener(path, threads).checked(path)
    except Exception as error:  # each format's reader has its own errors for a damaged file
        raise UserError(f"{path} cannot be read as a model: {reason_of(error)}") from error


def _newest_version(folder):
    """Returns `folder` if it is a SavedModel itself, else its newest version."""
    if (folder / "saved_model.pb").exists():
        return folder
    newest = newest_saved_model(folder)
    if newest is None:
        raise UserError(f"There is neither a SavedModel nor a version of one in {folder}.")
    return newest
