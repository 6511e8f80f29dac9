"""Opens the models that teach in a distillation: a classifier, and a guide with feature maps."""

import functools
from pathlib import Path

import keras
from keras import ops

from keras_vit.checkpoints import load
from keras_vit.errors import UserError
from keras_vit.inference import open_artefact
from keras_vit.inference.versions import newest_saved_model
from keras_vit.tasks import (
    Teacher,
    class_names_of,
    guide_of,
    to_probabilities,
)
from keras_vit.tasks.keras_file import open_keras_file
from keras_vit.training import set_precision

LEAST = 1e-7  # a probability of 0 has no logarithm


def open_teacher(path, precision="float32"):
    """Opens a classifier as a teacher.

    Args:
        path: A `.keras` file, of any classifier that ends in our head or in a softmax; a checkpoint
            or its name on a hub, as `keras_vit.load` takes it; or a folder of a SavedModel or of
            its versions, as `keras_vit.export` writes it.
        precision: `"float32"` or `"bfloat16"`, in which a model of ours computes; others compute as
            they were saved.

    Returns:
        A `keras_vit.tasks.Teacher`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be opened, does not choose one of several classes, or is a
            SavedModel and there are replicas.
    """
    place = Path(path)
    if place.is_dir():
        place = place if (place / "saved_model.pb").is_file() else newest_saved_model(place)
        if place is not None:
            return _saved_model(place)
    model = _read(path, precision)
    is_softmax = to_probabilities(model) is ops.softmax
    model.trainable = False
    answer = functools.partial(model, training=False)
    return Teacher(
        answer if is_softmax else lambda images: _logits(answer(images)),
        tuple(model.input_shape[1:]),
        model.output_shape[-1],
        tuple(class_names_of(model) or ()),
    )


def open_guide(path, layers=()):
    """Opens a model whose feature maps guide a student.

    Args:
        path: A `.keras` file of any functional model with feature maps, such as a CNN.
        layers: Names of the layers with these maps, as `keras_vit.tasks.guide_of` takes them.

    Returns:
        A `keras_vit.tasks.Guide`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be opened, or has no such maps.
    """
    if Path(path).suffix != ".keras":
        raise UserError(f"A guide is a .keras file, whose layers are known: received {path}.")
    return guide_of(open_keras_file(path), layers)


def _read(path, precision):
    """Reads a classifier: one of ours is built anew, in its precision."""
    if Path(path).suffix == ".keras":
        model = open_keras_file(path)
        to_probabilities(model)  # raises if it is no classifier
        if not any(layer.name == "block00" for layer in model.layers):
            return model
    policy = keras.config.dtype_policy()
    set_precision(precision)
    try:
        return load(path)
    finally:
        keras.config.set_dtype_policy(policy)


def _saved_model(path):
    import tensorflow as tf

    if keras.backend.backend() != "tensorflow":
        raise UserError(f"A SavedModel teaches only on TensorFlow: received {path}.")
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if replicas > 1:
        raise UserError(
            f"A SavedModel teaches on one device, a .keras file on several: received {path} for "
            f"{replicas} replicas."
        )
    about = open_artefact(path)
    loaded = tf.saved_model.load(str(path))
    serve = loaded.signatures["serving_default"]
    outputs = serve.structured_outputs
    if "probabilities" not in outputs:
        raise UserError(
            f"A teacher answers with probabilities: {path} answers with {', '.join(outputs)}."
        )

    def answer(images):
        return _logits(serve(images=tf.cast(images, tf.float32))["probabilities"])

    answer.model = loaded  # without it, the variables would be gone
    names = tuple(about.class_names or ())
    return Teacher(answer, tuple(about.image_shape), outputs["probabilities"].shape[-1], names)


def _logits(probabilities):
    return ops.log(ops.maximum(ops.cast(probabilities, "float32"), LEAST))
