"""Metadata that every export holds: task, class names and preprocessing."""

import json
from pathlib import Path

from keras_vit.images.preprocessing import Preprocessing
from keras_vit.inference.metadata import LABELS, METADATA
from keras_vit.tasks import deploy


def metadata_texts(model, class_names=None, preprocessing=None, **more):
    """Returns the metadata of an export as texts.

    `labels.txt` holds the class names, one a line; `metadata.json` holds the name of the task, the
    image's size, channels and range, the preprocessing, and `more`.

    Args:
        model: A model for `keras_vit.tasks.deploy`.
        class_names: Names of the classes in their order, or `None`.
        preprocessing: A `Preprocessing`; by default the whole picture is resized.
        **more: Further entries of `metadata.json`.

    Returns:
        A dictionary of texts by the names of their files; without `class_names` there is no
        `labels.txt`.
    """
    height, width, channels = model.input_shape[1:]
    preprocessing = (preprocessing or Preprocessing()).but(image_size=(height, width))
    deployed = deploy(model)
    metadata = {
        "task": deployed.task,
        **({"options": dict(deployed.options)} if deployed.options else {}),
        "image_size": [height, width],
        "channels": channels,
        "pixels": "0 to 255",
        **preprocessing.to_json(),
        **more,
    }
    texts = {METADATA: json.dumps(metadata, indent=2)}
    return texts if class_names is None else {LABELS: "\n".join(class_names), **texts}


def write_metadata(folder, *args, **more):
    """Writes the metadata of an export as files.

    Args:
        folder: Folder to write to; must exist.
        *args: Arguments of `metadata_texts`.
        **more: Keyword arguments of `metadata_texts`.
    """
    for name, text in metadata_texts(*args, **more).items():
        Path(folder, name).write_bytes(text.encode())
