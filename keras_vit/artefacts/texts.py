"""The texts that travel with an artefact: class names and what is done to a picture before."""

import json

from keras_vit.preprocessing import cut_told

LABELS, METADATA = "labels.txt", "metadata.json"
FOLDER = "assets.extra"  # of a SavedModel: where they lie
LARGEST = 16 * 2**20  # bytes of a text that a stranger's file may hold


def texts_in(folder):
    """Returns the texts that lie in a folder, by name."""
    found = (folder / name for name in (LABELS, METADATA))
    return {file.name: file.read_bytes().decode() for file in found if file.exists()}


def travelled(texts):
    """Returns class names and preprocessing, as an `Artefact` has them, from texts by name.

    Raises:
        ValueError: If they do not say it as ours do.
    """
    labels, told = texts.get(LABELS), json.loads(texts.get(METADATA, "{}"))
    cut_told(told)
    names = None if labels is None else tuple(labels.split("\n"))
    return dict(class_names=names, preprocessing=told)
