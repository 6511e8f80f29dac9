"""What every export carries: class names, and what is done to a picture before."""

import json
from pathlib import Path

from keras_vit.images.preprocessing import Preprocessing
from keras_vit.inference.metadata import LABELS, METADATA


def metadata_texts(model, class_names=None, preprocessing=None, **more):
    """Returns the texts that an export holds, by the names of their files.

    `labels.txt` holds the class names, one a line; `metadata.json` holds the image's size, channels
    and range, the preprocessing, and `more`.

    Args:
        model: A classifier of images.
        class_names: Names in the order of the logits, or `None`.
        preprocessing: A `Preprocessing`; by default pictures are seen whole.
        **more: Other entries of `metadata.json`.
    """
    height, width, channels = model.input_shape[1:]
    preprocessing = (preprocessing or Preprocessing()).but(image_size=(height, width))
    metadata = {
        "image_size": [height, width],
        "channels": channels,
        "pixels": "0 to 255",
        **preprocessing.to_json(),
        **more,
    }
    texts = {METADATA: json.dumps(metadata, indent=2)}
    return texts if class_names is None else {LABELS: "\n".join(class_names), **texts}


def write_metadata(folder, *args, **more):
    """Writes what `metadata_texts` returns as files in a folder."""
    for name, text in metadata_texts(*args, **more).items():
        Path(folder, name).write_bytes(text.encode())
