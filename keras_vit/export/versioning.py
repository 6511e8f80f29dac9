"""Both formats at once, under the next version number."""

import os
import tempfile
from pathlib import Path

from keras_vit.export.float32 import in_float32
from keras_vit.export.litert import write_litert
from keras_vit.export.saved_model import write_saved_model


def export(model, folder, *, class_names=None):
    """Writes `folder/<version>/`, a SavedModel, and `folder/<version>.tflite`.

    The version is one above the highest there is, 1 in an empty folder. Everything is written under
    a temporary name and renamed when it is whole, so TensorFlow Serving, which watches `folder`,
    never loads a half-made version, and an interrupted export leaves none.

    Args:
        model: A classifier from images to logits; exported in float32 whatever it was trained in.
        folder: Folder of the versions, `saved_models/digits` for one; made where it is missing.
        class_names: Names in the order of the logits, or `None`.

    Returns:
        The paths of the SavedModel folder and of the LiteRT file.

    Raises:
        ValueError: If a class name holds a line break.
    """
    broken = [name for name in class_names or () if len(name.splitlines()) > 1]
    if broken:
        raise ValueError(f"A class name must be one line: received {broken[0]!r}.")
    model = in_float32(model)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as partial:
        saved_model, litert = Path(partial, "saved_model"), Path(partial, "model.tflite")
        write_saved_model(model, saved_model, class_names=class_names)
        write_litert(model, litert, class_names=class_names)
        version = _claim(saved_model, folder)
        os.replace(litert, folder / f"{version}.tflite")
    return folder / str(version), folder / f"{version}.tflite"


def versions(folder):
    """Lists the version numbers of the SavedModels and LiteRT files in `folder`, ascending."""
    names = (path.name.removesuffix(".tflite") for path in Path(folder).iterdir())
    return sorted({int(name) for name in names if name.isdecimal()})


def _claim(saved_model, folder):
    """Renames `saved_model` to the next free version, which two exports at once cannot share."""
    version = max(versions(folder), default=0) + 1
    while True:
        try:
            os.rename(saved_model, folder / str(version))
        except FileExistsError:
            version += 1
        except OSError:
            if not (folder / str(version)).exists():
                raise
            version += 1
        else:
            return version
