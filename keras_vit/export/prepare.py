"""The folder of the versions of an export."""

import tempfile
from pathlib import Path

from keras_vit.errors import UserError


def prepare_folder(folder):
    """Makes the folder of the versions and checks that they can be written to it.

    Args:
        folder: Folder of the versions; made if it is missing.

    Returns:
        The folder, a `pathlib.Path`.

    Raises:
        ValueError: If it is a file, or its path holds a character of TensorFlow's file patterns, or
            one that the configuration of TensorFlow Serving cannot hold.
        OSError: If nothing can be written to it.
    """
    folder = Path(folder)
    if set("[]*?") & set(str(folder)):
        raise UserError(f"TensorFlow loads no model from a path with [, ], * or ?: {folder}.")
    if set('",\\\n') & set(str(folder.resolve())):
        raise UserError(
            f"A path that is served holds no quotation mark, comma, backslash or newline: {folder}."
        )
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} must be a folder: it is a file.")
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()
    return folder
