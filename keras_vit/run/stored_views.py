"""What decides the views of a training: what its images look like, and in which order they come."""

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np

from keras_vit.checkpoints.download import local_path
from keras_vit.data.sources import describe_change, fingerprint
from keras_vit.errors import UserError
from keras_vit.files import write_json
from keras_vit.run.augmentation import Augmentation
from keras_vit.run.flags import Training
from keras_vit.run.shared_flags import Mixing, RandomCrops

FILE = "views.json"
OF_LABELS = {"label_smoothing", "class_weights"}
FLAGS = ("seed", "batch_size", "repeats", "sampling", "image_size", "padding", "crop_ratio")


def flags_of_views(config):
    """Returns the flags that decide the views, by name.

    Args:
        config: A `keras_vit.run.any_source.AnySource`.
    """
    of_all = {field.name for field in dataclasses.fields(Training)} | OF_LABELS
    of_images = {
        field.name: None
        for kind in (RandomCrops, Augmentation, Mixing)
        for field in dataclasses.fields(kind)
        if field.name not in of_all
    }
    return {name: getattr(config, name) for name in (*FLAGS, *of_images)}


def check_views(folder, source, first, about):
    """Refuses a folder of answers to other views; writes down in an empty one whose they are.

    Args:
        folder: A `pathlib.Path`; it is made if it is missing.
        source: The `keras_vit.data.Source` of the views.
        first: The images of the first batch: whatever else decides them, they are digested.
        about: What else decides views and answers, plain values by name.

    Raises:
        ValueError: If the answers are those to other views, or it is not known to which.
        OSError: If the file cannot be read or written.
    """
    pixels = hashlib.sha256(np.ascontiguousarray(first)).hexdigest()
    now = json.loads(json.dumps({**about, "data": fingerprint(source), "pixels": pixels}))
    path = folder / FILE
    is_full = any(folder.glob("*.npy"))
    if not is_full:
        write_json(path, now)
        return
    if not path.exists():
        raise UserError(f"Answers belong to a {FILE}, which says to what: {folder} has none.")
    before = json.loads(path.read_text())
    for name, value in now.items():
        if name in before and before[name] != value:  # a newer flag is not written there
            raise UserError(
                f"The answers in {folder} are those to other views: "
                f"{_difference(name, before[name], value)}. Pass what the run had that stored "
                "them, or another folder."
            )


def digest_of_teacher(path):
    """Digests the files of a teacher.

    Args:
        path: As `keras_vit.run.teacher.open_teacher` takes it.

    Returns:
        A SHA-256, 64 digits.

    Raises:
        ValueError: If there is no such file.
    """
    place = local_path(path)
    files = sorted(place.rglob("*")) if place.is_dir() else [place]
    if not any(map(Path.is_file, files)):
        raise UserError(f"There is no teacher at {path}.")
    digest = hashlib.sha256()
    for file in filter(Path.is_file, files):
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()


def _difference(name, before, now):
    if name == "data":
        return f"of the data, {describe_change(before, now) or 'something is different'}"
    if name == "teacher":
        return "the teacher is another one"
    if name == "pixels":
        return "the images of the first batch are others"
    return f"{name} is {now!r} and was {before!r}"
