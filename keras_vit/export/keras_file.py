"""A model as Keras' own file, from which training or a fine-tuning can go on."""

from keras_vit.files import atomic_write


def save_keras(model, path, *, preprocessing=None):
    """Writes `path`, a `.keras` file, whole or not at all.

    Load it with `keras.saving.load_model` after `import keras_vit.tasks`, which makes our layers
    known to Keras.

    Args:
        model: A `keras.Model`.
        path: File to write; replaced if it exists. Its folder is made if it is missing.
        preprocessing: As `ClassHead` of `keras_vit.tasks` remembers it; by default it stays.
    """
    if preprocessing is not None:
        model.get_layer("head").remember(preprocessing)
    with atomic_write(path) as unfinished:
        model.save(unfinished)
