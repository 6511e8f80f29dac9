"""The texts inside an exported model: class names and preprocessing."""

import json
import zipfile

from keras_vit.errors import UserError
from keras_vit.images.preprocessing import Preprocessing

TOP_K = 5  # the most probable classes, which a served model names
LABELS, METADATA = "labels.txt", "metadata.json"
FOLDER = "assets.extra"  # where a SavedModel keeps them
LARGEST = 16 * 2**20  # bytes of a text that a stranger's file may hold


def texts_in(folder):
    """Returns the texts that lie in a folder, by name."""
    found = (folder / name for name in (LABELS, METADATA))
    return {file.name: file.read_bytes().decode() for file in found if file.exists()}


def texts_in_zip(path):
    """Returns class names and metadata from the zip archive behind a file, by name.

    Raises:
        ValueError: If one of them is larger than any of ours.
    """
    if not zipfile.is_zipfile(path):
        return {}
    with zipfile.ZipFile(path) as archive:
        names = [name for name in (LABELS, METADATA) if name in archive.namelist()]
        for name in names:
            if archive.getinfo(name).file_size > LARGEST:
                raise UserError(f"{name} has more than {LARGEST:,} bytes")
        return {name: archive.read(name).decode() for name in names}


def read_metadata(texts):
    """Returns class names and preprocessing, as an `Artefact` has them, from texts by name.

    Raises:
        ValueError: If they do not say it as ours do.
    """
    labels, metadata = texts.get(LABELS), json.loads(texts.get(METADATA, "{}"))
    names = None if labels is None else tuple(labels.split("\n"))
    return dict(class_names=names, preprocessing=Preprocessing.from_json(metadata))
