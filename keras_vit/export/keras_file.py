"""Writes a model as Keras' own file, from which training or fine-tuning can go on."""

from keras_vit.files import atomic_write


def save_keras(model, path, *, preprocessing=None):
    """Writes a model as a `.keras` file, whole or not at all.

    Load it with `keras.saving.load_model` after `import keras_vit.tasks`, which makes our layers
    known to Keras.

    Args:
        model: A `keras.Model`.
        path: File to write; replaced if it exists. Its folder is made if it is missing.
        preprocessing: A `Preprocessing` or its `to_json()` for the model's `ClassHead` to store; by
            default the stored one stays.

    Raises:
        ValueError: If `preprocessing` is given and the model has no layer `head`, or it is no
            `to_json()` of a `Preprocessing`.
        OSError: If the file cannot be written.
    """
    if preprocessing is not None:
        model.get_layer("head").remember(preprocessing)
    with atomic_write(path) as unfinished:
        model.save(unfinished)
