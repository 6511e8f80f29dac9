"""A classifier as a SavedModel that TensorFlow Serving loads."""

from pathlib import Path

import keras
import tensorflow as tf

LABELS = "assets.extra/labels.txt"


def write_saved_model(model, path, *, class_names=None, batch_size=None):
    """Writes the folder `path`: `images` `(B, H, W, C)` in, `probabilities` `(B, K)` out.

    The signature is called `serve` and, as TensorFlow Serving's default, `serving_default`. Pixels
    are float32, 0 to 255. Class names lie in `assets.extra/labels.txt`, one per line.

    Args:
        model: A classifier from images to logits.
        path: Folder to make; must not exist.
        class_names: Names in the order of the logits, or `None`.
        batch_size: Images per call; any number where `None`.
    """
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serve",
        lambda images: {"probabilities": keras.ops.softmax(model(images, training=False))},
        input_signature=[
            tf.TensorSpec((batch_size, *model.input_shape[1:]), tf.float32, name="images")
        ],
    )
    archive.write_out(str(path), verbose=False)
    if class_names is not None:
        labels = Path(path, LABELS)
        labels.parent.mkdir(exist_ok=True)
        labels.write_bytes("\n".join(class_names).encode())
