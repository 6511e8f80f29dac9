"""Writes a model as Keras' own file, from which training or fine-tuning can go on."""

from keras_vit.files import atomic_write
from keras_vit.tasks.deployed import remember_preprocessing


def save_keras(model, path, *, preprocessing=None):
    """Writes a model as a `.keras` file, whole or not at all.

    Load it with `keras.saving.load_model` after `import keras_vit`, which makes our layers known to
    Keras.

    Args:
        model: A `keras.Model`.
        path: File to write; replaced if it exists. Its folder is made if it is missing.
        preprocessing: A `Preprocessing` or its `to_json()` for the model to store; by default
            the stored one stays.

    Raises:
        ValueError: If `preprocessing` is no `to_json()` of a `Preprocessing`, or the model has no
            layer that stores it.
        OSError: If the file cannot be written.
    """
    if preprocessing is not None:
        remember_preprocessing(model, preprocessing)
    with atomic_write(path) as unfinished:
        model.save(unfinished)
