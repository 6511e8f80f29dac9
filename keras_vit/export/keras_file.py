"""A model as Keras' own file, from which training or a fine-tuning can go on."""

import os
import tempfile
from pathlib import Path


def save_keras(model, path):
    """Writes `path`, a `.keras` file, whole or not at all.

    Load it with `keras.saving.load_model` after `import keras_vit.tasks`, which makes our layers
    known to Keras.

    Args:
        model: A `keras.Model`.
        path: File to write; replaced where it exists. Its folder is made where it is missing.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".save-", dir=path.parent) as partial:
        model.save(Path(partial, path.name))
        os.replace(Path(partial, path.name), path)
