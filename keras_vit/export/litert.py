"""A classifier as a LiteRT (TFLite) file."""

import tempfile
import zipfile
from pathlib import Path

import tensorflow as tf

from keras_vit.export.saved_model import write_saved_model

LABELS = "labels.txt"


def write_litert(model, path, *, class_names=None):
    """Writes the file `path`: `images` `(1, H, W, C)` in, `probabilities` `(1, K)` out.

    float32, pixels 0 to 255, built-in operators only, batch 1: a dynamic batch costs operators and
    is refused by delegates. Class names are appended as a zip archive holding `labels.txt`, which
    runtimes ignore and `unzip` reads, as TFLite's metadata does it.

    Args:
        model: A classifier from images to logits.
        path: File to write.
        class_names: Names in the order of the logits, or `None`.
    """
    with tempfile.TemporaryDirectory() as folder:
        saved_model = Path(folder, "model")
        write_saved_model(model, saved_model, batch_size=1)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            str(saved_model), signature_keys=["serving_default"]
        )
        Path(path).write_bytes(converter.convert())
    if class_names is not None:
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(LABELS, "\n".join(class_names))
