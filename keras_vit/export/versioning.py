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
        class_names: Names in the order of the logits; by default those that `classifier` was given.

    Returns:
        The paths of the SavedModel folder and of the LiteRT file.

    Raises:
        ValueError: If the model gives no logits `(B, K)`, the names are not `K` lines, or the
            folder's name is one that TensorFlow cannot load from.
        OSError: If nothing can be written to the folder.
    """
    if len(model.output_shape) != 2:
        raise ValueError(f"A classifier gives logits (B, K): received {model.output_shape}.")
    if class_names is None:
        class_names = getattr(model.layers[-1], "class_names", None)
    if class_names is not None:
        class_names = _one_line_each(class_names, model.output_shape[-1])
    folder = prepare_folder(folder)
    model = in_float32(model)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as partial:
        saved_model, litert = Path(partial, "saved_model"), Path(partial, "model.tflite")
        write_saved_model(model, saved_model, class_names=class_names)
        write_litert(model, litert, class_names=class_names)
        version = _claim(saved_model, folder)
        os.replace(litert, folder / f"{version}.tflite")
    return folder / str(version), folder / f"{version}.tflite"


def prepare_folder(folder):
    """Makes sure, before the work and not after it, that versions can be written to `folder`.

    Args:
        folder: Folder of the versions; made where it is missing.

    Returns:
        Its `pathlib.Path`.

    Raises:
        ValueError: If its name holds a character that TensorFlow takes for a pattern.
        OSError: If nothing can be written to it.
    """
    folder = Path(folder)
    if set("[]*?") & set(str(folder)):
        raise ValueError(f"TensorFlow loads no model from a path with [, ], * or ?: {folder}.")
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()
    return folder


def _one_line_each(class_names, count):
    names = [str(name) for name in class_names]
    if len(names) != count:
        raise ValueError(
            "`class_names` must hold one name per class: "
            f"received {len(names)} names for {count} classes."
        )
    for name in names:
        if name and name.splitlines() != [name]:
            raise ValueError(f"A class name must be one line: received {name!r}.")
    return names


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
