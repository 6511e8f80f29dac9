"""Trained classifiers on disk as functions from images to probabilities.

Importing this needs neither Keras nor TensorFlow; opening an artefact imports what it runs on.
"""

import dataclasses
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np


@dataclasses.dataclass(frozen=True)
class Artefact:
    """A classifier that was loaded from disk.

    Attributes:
        path: Where it was loaded from.
        image_shape: `(H, W, C)` of the images it takes.
        class_names: Names in the order of the probabilities, or `None` where it carries none.
        predict: From images `(B, H, W, C)`, 0 to 255, to probabilities `(B, K)`, float32.
    """

    path: Path
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...] | None
    predict: Callable[[np.ndarray], np.ndarray]


def open_artefact(path):
    """Loads a `.keras` file, a `.tflite` file, a SavedModel folder or a folder of versions of it.

    Args:
        path: The file or folder. Of a folder of versions the newest is taken.

    Returns:
        An `Artefact`.

    Raises:
        FileNotFoundError: If there is nothing at `path`.
        ValueError: If what lies there is none of the four, or cannot be read.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no model at {path}.")
    if path.is_dir():
        path, opener = _newest_version(path), _open_saved_model
    elif path.suffix == ".keras":
        opener = _open_keras
    elif path.suffix == ".tflite":
        opener = _open_litert
    else:
        raise ValueError(
            f"A model is a .keras file, a .tflite file or a SavedModel folder: received {path}."
        )
    try:
        return opener(path)
    except Exception as error:  # each format's reader raises what it likes on a damaged file
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(f"{path} cannot be read as a model: {reason}") from error


def _open_keras(path):
    import keras

    from keras_vit.tasks import class_names_of  # and our layers are registered with Keras

    model = keras.saving.load_model(path, compile=False)
    names = class_names_of(model)

    def predict(images):
        logits = model.predict_on_batch(np.asarray(images, "float32"))
        return keras.ops.convert_to_numpy(keras.ops.softmax(logits))

    return Artefact(path, model.input_shape[1:], names and tuple(names), predict)


def _open_saved_model(path):
    import tensorflow as tf

    model = tf.saved_model.load(str(path))
    inputs = model.signatures["serving_default"].structured_input_signature[1]
    image_shape = tuple(inputs["images"].shape[1:])
    labels = path / "assets.extra" / "labels.txt"
    names = tuple(labels.read_bytes().decode().split("\n")) if labels.exists() else None

    def predict(images):
        # Asked of the model each time: a signature alone does not keep its variables alive.
        serve = model.signatures["serving_default"]
        return serve(images=tf.constant(images, tf.float32))["probabilities"].numpy()

    return Artefact(path, image_shape, names, predict)


def _open_litert(path):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=os.cpu_count())
    interpreter.allocate_tensors()  # now, for it announces its delegate
    serve = interpreter.get_signature_runner("serving_default")
    image_shape = tuple(int(side) for side in serve.get_input_details()["images"]["shape"][1:])
    names = None
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if "labels.txt" in archive.namelist():
                names = tuple(archive.read("labels.txt").decode().split("\n"))

    def predict(images):
        images = np.asarray(images, "float32")
        return np.concatenate(
            [serve(images=images[i : i + 1])["probabilities"] for i in range(len(images))]
        )

    return Artefact(path, image_shape, names, predict)


def _newest_version(folder):
    """Returns `folder` where it is a SavedModel itself, else its highest version."""
    if (folder / "saved_model.pb").exists():
        return folder
    versions = [path for path in folder.iterdir() if path.is_dir() and path.name.isdecimal()]
    if not versions:
        raise ValueError(f"There is neither a SavedModel nor a version of one in {folder}.")
    return max(versions, key=lambda path: int(path.name))
