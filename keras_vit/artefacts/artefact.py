"""Trained classifiers on disk as functions from images to probabilities.

Importing this needs neither Keras nor TensorFlow; opening an artefact imports what it runs on.
"""

import dataclasses
import importlib.metadata
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_vit.artefacts.image_file import read_image

CUT = ("crop_ratio", "interpolation")


@dataclasses.dataclass(frozen=True)
class Artefact:
    """A classifier that was loaded from disk.

    Attributes:
        path: Where it was loaded from.
        image_shape: `(H, W, C)` of the images it takes.
        class_names: Names in the order of the probabilities, or `None` where it carries none.
        predict: From images `(B, H, W, C)`, 0 to 255, to probabilities `(B, K)`, float32.
        runtime: What it runs on, with its version.
        preprocessing: What is done to a picture before: `crop_ratio` and `interpolation`, as
            `keras_vit.data.cut_middle` takes them; empty where it does not say.
    """

    path: Path
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...] | None
    predict: Callable[[np.ndarray], np.ndarray]
    runtime: str = ""
    preprocessing: dict = dataclasses.field(default_factory=dict)

    def read_image(self, picture):
        """Reads a picture, a path or bytes, as the model is to see it.

        Returns:
            The pixels `(H, W, C)`, uint8.

        Raises:
            FileNotFoundError: As `keras_vit.artefacts.image_file.read_image` does.
            ValueError: Likewise.
        """
        told = {name: self.preprocessing[name] for name in CUT if name in self.preprocessing}
        return read_image(picture, self.image_shape, **told)


def open_artefact(path, *, threads=None):
    """Loads a `.keras` file, a `.tflite` file, a SavedModel folder or a folder of versions of it.

    Args:
        path: The file or folder. Of a folder of versions the newest is taken.
        threads: How many threads compute; all by default. For what runs on TensorFlow it must be
            said before TensorFlow computes anything.

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
        return opener(path, threads)
    except Exception as error:  # each format's reader raises what it likes on a damaged file
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(f"{path} cannot be read as a model: {reason}") from error


def _open_keras(path, threads):
    import keras

    if keras.backend.backend() == "tensorflow":
        _set_threads(threads)

    from keras_vit.tasks import class_names_of  # and our layers are registered with Keras

    model = keras.saving.load_model(path, compile=False)
    if "head" not in [layer.name for layer in model.layers]:
        raise ValueError("It has no head: it gives features or tokens, and no classes.")
    names = class_names_of(model)

    def predict(images):
        logits = model.predict_on_batch(np.asarray(images, "float32"))
        return keras.ops.convert_to_numpy(keras.ops.softmax(logits))

    runtime = f"keras {keras.__version__}, {keras.backend.backend()}"
    return Artefact(path, model.input_shape[1:], names and tuple(names), predict, runtime)


def _open_saved_model(path, threads):
    import tensorflow as tf

    _set_threads(threads)
    model = tf.saved_model.load(str(path))
    inputs = model.signatures["serving_default"].structured_input_signature[1]
    image_shape = tuple(inputs["images"].shape[1:])
    extra = path / "assets.extra"
    labels, preprocessing = extra / "labels.txt", extra / "preprocessing.json"
    names = tuple(labels.read_bytes().decode().split("\n")) if labels.exists() else None
    told = json.loads(preprocessing.read_text()) if preprocessing.exists() else {}

    def predict(images):
        # Asked of the model each time: a signature alone does not keep its variables alive.
        serve = model.signatures["serving_default"]
        return serve(images=tf.constant(images, tf.float32))["probabilities"].numpy()

    return Artefact(path, image_shape, names, predict, f"tensorflow {tf.__version__}", told)


def _set_threads(threads):
    import tensorflow as tf

    if threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)


def _open_litert(path, threads):
    from ai_edge_litert.interpreter import Interpreter

    from keras_vit.artefacts.litert_file import read_texts

    interpreter = Interpreter(model_path=str(path), num_threads=threads or os.cpu_count())
    interpreter.allocate_tensors()  # now, for it announces its delegate
    serve = interpreter.get_signature_runner("serving_default")
    images_in = serve.get_input_details()["images"]
    probabilities_out = serve.get_output_details()["probabilities"]
    image_shape = tuple(int(side) for side in images_in["shape"][1:])
    scale, zero = probabilities_out["quantization"]  # 0.0, 0 where they are floats
    texts = read_texts(path)
    names = tuple(texts["labels.txt"].split("\n")) if "labels.txt" in texts else None
    told = json.loads(texts.get("metadata.json", "{}"))

    def predict(images):
        images = np.asarray(images).astype(images_in["dtype"])
        answers = [serve(images=image[None])["probabilities"] for image in images]
        answers = np.concatenate(answers).astype("float32")
        return (answers - zero) * scale if scale else answers

    runtime = f"ai-edge-litert {importlib.metadata.version('ai-edge-litert')}"
    return Artefact(path, image_shape, names, predict, runtime, told)


def _newest_version(folder):
    """Returns `folder` where it is a SavedModel itself, else its highest version."""
    if (folder / "saved_model.pb").exists():
        return folder
    versions = [path for path in folder.iterdir() if path.is_dir() and path.name.isdecimal()]
    if not versions:
        raise ValueError(f"There is neither a SavedModel nor a version of one in {folder}.")
    return max(versions, key=lambda path: int(path.name))
