"""Checkpoint files: written whole or not at all, read back whole or not at all."""

import io
import json
import os
import re
import zipfile
import zlib
from pathlib import Path

import filelock
import numpy as np

from keras_vit.errors import UserError
from keras_vit.files import atomic_write

NAME = re.compile(r"step-(\d+)\.npz")
# What NumPy, zip and JSON raise on a broken file. A flipped bit can ask zip for a compression that
# does not exist, or for a password.
DAMAGE = (
    AttributeError,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


class CheckpointFolder:
    """The folder of one run's files `step-<number>.npz`.

    Args:
        path: The folder, which need not exist.
        keep: How many of the newest files are kept, an integer.
    """

    def __init__(self, path, *, keep):
        self.path = Path(path)
        self._keep = keep
        # The operating system releases the lock when the process ends, in whatever way.
        self._lock = filelock.FileLock(self.path / ".lock", thread_local=False)

    @property
    def newest_step(self):
        """The step of the newest file, 0 where there is none."""
        return max(map(_step_of, self._files()), default=0)

    def newest(self):
        """Reads the newest undamaged file; a damaged one is renamed `.damaged`, with a notice.

        Returns:
            The arrays by name, and the notes; `None` where there is no file.

        Raises:
            OSError: If a file cannot be opened or renamed.
        """
        for path in self._files():
            try:
                return read_checkpoint(path)
            except ValueError as error:
                aside = path.with_name(f"{path.name}.damaged")
                print(f"{path}: {error} It is {aside.name} now; the one before it is taken.")
                os.replace(path, aside)
        return None

    def newest_of_chief(self, workers):
        """Reads the newest undamaged file of the first worker's folder, in all workers.

        Args:
            workers: The `keras_vit.training.Workers`; with several, all must call this.

        Returns:
            The arrays by name, and the notes; `None` where there is no file.

        Raises:
            OSError: In the first worker, if a file cannot be opened or renamed.
        """
        newest = self.newest() if workers.is_chief else None
        if workers.count == 1:
            return newest
        file = io.BytesIO()
        if newest is not None:
            save_arrays(file, *newest)
        content = workers.broadcast(file.getvalue())
        return load_arrays(io.BytesIO(content)) if content else None

    def write(self, step, arrays, notes):
        """Writes a step's file, and removes the oldest ones.

        Args:
            step: Number of the step.
            arrays: Arrays by name.
            notes: A dictionary that JSON can hold.

        Raises:
            OSError: If the file cannot be written; the files before it stay.
        """
        write_checkpoint(self.path / f"step-{step:09d}.npz", arrays, notes)
        for old in self._files()[self._keep :]:
            old.unlink(missing_ok=True)

    def open(self):
        """Makes the folder and locks it for this process, until `close` or until the process ends.

        Raises:
            ValueError: If another process has locked it.
        """
        self.close()
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(blocking=False)
        except filelock.Timeout as error:
            raise UserError(f"Another run writes its checkpoints to {self.path}.") from error
        for unfinished in self.path.glob(".unfinished-*"):  # left by a process that was killed
            unfinished.unlink(missing_ok=True)

    def close(self):
        """Releases the lock."""
        self._lock.release()

    def clear(self):
        """Removes all files of the run.

        Raises:
            ValueError: If another process has locked the folder.
        """
        self.open()
        for path in [*self._files(), *self.path.glob("step-*.npz.damaged")]:
            path.unlink(missing_ok=True)
        self.close()

    def _files(self):
        """Returns the files, newest first."""
        paths = [path for path in self.path.glob("step-*.npz") if NAME.fullmatch(path.name)]
        return sorted(paths, key=_step_of, reverse=True)


def write_checkpoint(path, arrays, notes):
    """Writes arrays and notes into one `.npz`; a kill at any moment leaves the old file or the new.

    Args:
        path: The file.
        arrays: Arrays by name.
        notes: A dictionary that JSON can hold.

    Raises:
        OSError: If it cannot be written; the file is then as it was before.
    """
    with atomic_write(path) as unfinished, open(unfinished, "wb") as file:
        save_arrays(file, arrays, notes)


def save_arrays(file, arrays, notes):
    """Writes arrays and notes to an open binary file, in NumPy's format `.npz`.

    Args:
        file: The file.
        arrays: Arrays by name.
        notes: A dictionary that JSON can hold, NumPy's scalars and tensors included.

    Raises:
        OSError: If the file cannot be written.
    """
    np.savez(
        file, **arrays, notes=np.frombuffer(json.dumps(notes, default=_plain).encode(), np.uint8)
    )


def _plain(value):
    """Returns a tensor or a NumPy scalar, which JSON does not know, as a list or a number."""
    return np.asarray(value).tolist()


def read_checkpoint(path):
    """Reads what `write_checkpoint` wrote; every byte is checked by zip's checksums.

    Args:
        path: The file.

    Returns:
        The arrays by name, and the notes.

    Raises:
        OSError: If the file cannot be opened.
        ValueError: If it is damaged.
    """
    with open(path, "rb") as file:
        return load_arrays(file)


def load_arrays(file):
    """Reads what `save_arrays` wrote.

    Args:
        file: The file, open for reading bytes.

    Returns:
        The arrays by name, and the notes.

    Raises:
        ValueError: If the content is damaged.
    """
    try:
        with np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        return arrays, json.loads(arrays.pop("notes").tobytes())
    except DAMAGE as error:
        raise UserError(f"The checkpoint is damaged: {error}") from error


def _step_of(path):
    return int(NAME.fullmatch(path.name)[1])
