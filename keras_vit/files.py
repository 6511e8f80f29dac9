"""Atomic writes, where a file is written completely or not at all, and the folder of caches."""

import contextlib
import json
import os
from pathlib import Path


def cache_folder(name):
    """Returns a folder for what can be made again: `name` in `KERAS_VIT_HOME`.

    By default that is `keras-vit` in `XDG_CACHE_HOME`, or in `~/.cache`.

    Args:
        name: What it holds, for example `"checkpoints"`.

    Returns:
        A `pathlib.Path`; the folder need not exist.
    """
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("KERAS_VIT_HOME") or Path(caches, "keras-vit")) / name


@contextlib.contextmanager
def atomic_write(path):
    """Writes to a temporary name in the same folder, which is renamed after a successful write.

        with atomic_write("features.npz") as unfinished:
            np.savez(unfinished, **arrays)

    The temporary name ends as `path` does. A process that is killed at any moment leaves the old
    file or the new one, and at worst a file `.unfinished-*` beside it.

    Args:
        path: The file, which is replaced if it exists. Its folder is made if it is missing.

    Yields:
        The temporary name, a `pathlib.Path`.

    Raises:
        OSError: If the file cannot be written; an old file is then as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".unfinished-{os.getpid()}-{path.name}")
    try:
        yield unfinished
        sync(unfinished)
        os.replace(unfinished, path)
        sync(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def write_json(path, content):
    """Writes a JSON file atomically, in strict JSON.

    Args:
        path: The file.
        content: Anything that `json.dumps` accepts. NaN and infinity, which JSON does not have,
            become `null`.

    Raises:
        OSError: If the file cannot be written; an old file is then as it was.
    """
    strict = json.loads(json.dumps(content), parse_constant=lambda name: None)
    with atomic_write(path) as unfinished:
        unfinished.write_text(json.dumps(strict, indent=2) + "\n")


def sync(path):
    """Makes what was written to a file, or renamed in a folder, survive a power cut.

    Args:
        path: The file or folder.

    Raises:
        OSError: If a file cannot be written to the disk. For a folder, which some systems cannot
            sync, errors are ignored.
    """
    is_folder = os.path.isdir(path)
    with contextlib.suppress(OSError) if is_folder else contextlib.nullcontext():
        descriptor = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
