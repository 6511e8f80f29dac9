"""A model from Keras' own file."""

import importlib
import pkgutil
import zipfile
from pathlib import Path

import keras

from keras_vit.errors import UserError, reason_of


def know_layers():
    """Registers the layers of all tasks with Keras, by importing the modules that define them."""
    package = importlib.import_module("keras_vit.tasks")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")


def read_keras_file(path):
    """Loads a `.keras` file of any model, not compiled; our layers are known.

    Raises:
        ValueError: If it is no zip archive, of which Keras says that it is not found.
        Exception: What else zip and Keras raise on a damaged file.
    """
    if not zipfile.is_zipfile(path):
        raise UserError("It is no zip archive, as a complete .keras file is.")
    know_layers()
    return keras.saving.load_model(path, compile=False)


def open_keras_file(path):
    """Loads a `.keras` file as `read_keras_file` does, and names the file where that fails.

    Args:
        path: The file, of any model.

    Returns:
        A `keras.Model`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f"There is no model at {path}.")
    try:
        return read_keras_file(path)
    except Exception as error:  # zip and Keras raise many kinds
        raise UserError(f"{path} cannot be read as a model: {reason_of(error)}") from error
