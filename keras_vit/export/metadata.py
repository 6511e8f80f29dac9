"""What travels with every artefact: class names and what is done to a picture before."""

import json
from pathlib import Path

from keras_vit.inference.metadata import LABELS, METADATA


def metadata_texts(model, class_names=None, **told):
    """Returns the texts that an artefact carries, by the names of their files.

    `labels.txt` holds the class names, one a line; `metadata.json` holds the image's size, channels
    and range, and whatever is told beside.

    Args:
        model: A classifier of images.
        class_names: Names in the order of the logits, or `None`.
        **told: What `metadata.json` tells beside.
    """
    height, width, channels = model.input_shape[1:]
    metadata = {
        "image_size": [height, width],
        "channels": channels,
        "pixels": "0 to 255",
        **told,
    }
    texts = {METADATA: json.dumps(metadata, indent=2)}
    return texts if class_names is None else {LABELS: "\n".join(class_names), **texts}


def write_metadata(folder, *args, **told):
    """Writes what `metadata_texts` returns as files in a folder."""
    for name, text in metadata_texts(*args, **told).items():
        Path(folder, name).write_bytes(text.encode())
