"""Opens an exported model with the signatures of `keras_vit.export.saved_model.endpoints`."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_vit.errors import UserError
from keras_vit.inference import Artefact, open_artefact
from keras_vit.inference.metadata import TOP_K
from keras_vit.inference.signature import (
    BYTES,
    CLASSES,
    PIXELS,
    PROBABILITIES,
    SCORES,
    VALID,
)
from keras_vit.inference.versions import version_of
from keras_vit.serve.limits import FORMATS
from keras_vit.serve.protocol import Signature


@dataclasses.dataclass(frozen=True)
class ServedModel:
    """A model that a server runs.

    Attributes:
        name: Name of the model in the paths of the server.
        version: Number of its version, a text.
        runtime: Name and version of the runtime.
        signatures: `Signature`s by name.
        run: Maps the name of a signature and its inputs, an array `(B, ...)` or `B` byte strings,
            to outputs by name, arrays `(B, ...)`.
        artefact: The `Artefact` that was opened.
    """

    name: str
    version: str
    runtime: str
    signatures: dict[str, Signature]
    run: Callable[[str, np.ndarray | list[bytes]], dict[str, np.ndarray]]
    artefact: Artefact


def open_served(path, *, threads=None):
    """Opens a model on disk for a server, in any format except Keras files.

    Args:
        path: A `.tflite` or `.onnx` file, a SavedModel folder, a folder of its versions or a folder
            of OpenVINO.
        threads: How many threads compute; all by default.

    Returns:
        A `ServedModel`.

    Raises:
        FileNotFoundError: If there is nothing at `path`.
        ValueError: If it cannot be opened, or is a Keras file.
    """
    if Path(path).suffix == ".keras":
        raise UserError(f"A .keras file is exported first, then served: received {path}.")
    artefact = open_artefact(path, threads=threads)
    place = artefact.path.resolve()
    version, name = version_of(place.name), place.parent.name
    if version is None:  # `keras-vit export` writes no such name
        version, name = 1, place.stem
    loaded = artefact.loaded
    signatures, run = signatures_of_pixels(artefact) if loaded is None else _saved_model(loaded)
    return ServedModel(name, str(version), artefact.runtime, signatures, run, artefact)


def _saved_model(loaded):
    import tensorflow as tf

    signatures = {}
    for name, function in loaded.signatures.items():
        inputs = function.structured_input_signature[1]
        specs = [spec for spec in inputs.values() if spec.shape.rank]
        if len(inputs) != 1 or not specs or None in specs[0].shape[1:]:
            continue  # not one of ours: a request has one input of a fixed shape
        dtype = "bytes" if specs[0].dtype == tf.string else specs[0].dtype.name
        signatures[name] = Signature(*inputs, dtype, tuple(specs[0].shape[1:]))

    def run(name, inputs):
        outputs = loaded.signatures[name](**{signatures[name].input_name: tf.constant(inputs)})
        return {key: value.numpy() for key, value in outputs.items()}

    return signatures, run


def signatures_of_pixels(artefact):
    """Makes the signatures of a model that takes only images; Pillow decodes pictures for it.

    Args:
        artefact: The `Artefact`.

    Returns:
        `signatures` and `run` of a `ServedModel`, as those of a SavedModel.
    """
    shape = artefact.image_shape
    floats = Signature("images", "float32", shape)
    signatures = {
        "serving_default": floats,
        "serve": floats,
        PIXELS: Signature("images", "uint8", shape),
    }
    if shape[2] in (1, 3):  # as a SavedModel has it
        signatures[BYTES] = Signature("image_bytes", "bytes", ())

    def answer(images):
        answers = artefact.answer(images)
        probabilities = answers.get(PROBABILITIES)
        if probabilities is None or probabilities.ndim != 2:
            return answers
        names = artefact.names_of(probabilities.shape[-1])
        best = np.argsort(-probabilities, axis=-1, kind="stable")[:, :TOP_K]
        return {
            **answers,
            CLASSES: np.array(names, object)[best],
            SCORES: np.take_along_axis(probabilities, best, axis=-1),
        }

    def run(name, inputs):
        if name != BYTES:
            return answer(inputs)
        images, valid = np.zeros((len(inputs), *shape), "uint8"), np.ones(len(inputs), bool)
        for index, picture in enumerate(inputs):
            try:
                images[index] = artefact.read_image(picture, FORMATS)
            except ValueError:
                valid[index] = False
        answers = answer(images)
        for array in answers.values():
            array[~valid] = "" if array.dtype == object else 0
        return {**answers, VALID: valid}

    return signatures, run
