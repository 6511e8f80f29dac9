"""Checkpoint files: written whole or not at all, read back whole or not at all."""

import contextlib
import json
import os
import zipfile
import zlib
from pathlib import Path

import numpy as np

DAMAGE = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error)


def write_checkpoint(path, arrays, notes):
    """Writes arrays and notes into one `.npz`; a kill at any moment leaves the old file or the new.

    Args:
        path: The file.
        arrays: From names to arrays.
        notes: What JSON can hold.

    Raises:
        OSError: If the disk does not take it; the file is then as it was before.
    """
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        with open(unfinished, "wb") as file:
            save_arrays(file, arrays, notes)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
        _sync_folder(path.parent)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def save_arrays(file, arrays, notes):
    """Writes arrays and notes to an open binary file."""
    np.savez(file, **arrays, notes=np.frombuffer(json.dumps(notes).encode(), np.uint8))


def read_checkpoint(file):
    """Reads what `write_checkpoint` wrote; every byte is checked by zip's checksums.

    Args:
        file: A path or an open binary file.

    Returns:
        Arrays by name, and the notes.

    Raises:
        ValueError: If the file is damaged.
    """
    try:
        # Opened here, for NumPy leaves the file of a broken archive open.
        with contextlib.nullcontext(file) if hasattr(file, "read") else open(file, "rb") as opened:
            with np.load(opened, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        return arrays, json.loads(arrays.pop("notes").tobytes())
    except DAMAGE as error:
        raise ValueError(f"The checkpoint is damaged: {error}") from error


def remove_unfinished(folder):
    """Removes what a kill in the middle of a write has left."""
    for unfinished in Path(folder).glob(".*.unfinished"):
        unfinished.unlink(missing_ok=True)


def _sync_folder(folder):
    """Makes a rename survive a power cut, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
