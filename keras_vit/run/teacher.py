"""Opens the classifier that teaches in a distillation."""

import functools
from pathlib import Path

import keras
from keras import ops

from keras_vit.checkpoints import load
from keras_vit.errors import UserError
from keras_vit.export.servable import rebuilt
from keras_vit.tasks import Teacher, class_names_of, to_probabilities

LEAST = 1e-7  # a probability of 0 has no logarithm


def open_teacher(path, precision="float32"):
    """Opens a classifier as a teacher.

    Args:
        path: What `keras_vit.load` opens: a `.keras` file, a checkpoint, or its name on a hub; or
            the folder of a SavedModel that answers with `probabilities`, as `keras_vit.export`
            writes it.
        precision: `"float32"` or `"bfloat16"`, in which it computes; a SavedModel computes as it
            was exported.

    Returns:
        A `keras_vit.tasks.Teacher`.

    Raises:
        ValueError: If it cannot be opened, or does not choose one of several classes.
    """
    if Path(path, "saved_model.pb").is_file():
        return _saved_model(path)
    model = load(path)
    is_softmax = to_probabilities(model) is ops.softmax
    policy = {"float32": "float32", "bfloat16": "mixed_bfloat16"}[precision]
    model = rebuilt(model, policy)
    model.trainable = False
    answer = functools.partial(model, training=False)
    return Teacher(
        answer if is_softmax else lambda images: _logits(answer(images)),
        tuple(model.input_shape[1:3]),
        tuple(class_names_of(model) or ()),
    )


def _saved_model(path):
    if keras.backend.backend() != "tensorflow":
        raise UserError(f"A SavedModel teaches only on TensorFlow: received {path}.")
    import tensorflow as tf

    from keras_vit.inference import open_artefact

    about = open_artefact(Path(path))
    loaded = tf.saved_model.load(str(path))
    serve = loaded.signatures["serving_default"]
    if "probabilities" not in serve.structured_outputs:
        names = ", ".join(serve.structured_outputs)
        raise UserError(f"A teacher answers with probabilities: {path} answers with {names}.")

    def answer(images):
        return _logits(serve(images=tf.cast(images, tf.float32))["probabilities"])

    answer.model = loaded  # without it, the variables would be gone
    return Teacher(answer, tuple(about.image_shape[:2]), tuple(about.class_names or ()))


def _logits(probabilities):
    return ops.log(ops.maximum(ops.cast(probabilities, "float32"), LEAST))
