"""Files that are written whole or not at all."""

import contextlib
import json
import os
from pathlib import Path


@contextlib.contextmanager
def atomic_write(path):
    """Gives another name in the same folder to write to, and renames it when all went well.

        with atomic_write("features.npz") as unfinished:
            np.savez(unfinished, **arrays)

    The name ends as `path` does. A kill at any moment leaves the old file or the new one, and at
    worst a `.unfinished-*` beside it.

    Args:
        path: The file; replaced where it exists. Its folder is made where it is missing.

    Yields:
        The `pathlib.Path` to write.

    Raises:
        OSError: If the disk does not take it; the file is then as it was before.
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
    """Writes `path`, whole or not at all, so that every reader takes it.

    Args:
        path: The file.
        content: What `json` takes. NaN and infinity, which JSON does not have, become `null`.
    """
    strict = json.loads(json.dumps(content), parse_constant=lambda name: None)
    with atomic_write(path) as unfinished:
        unfinished.write_text(json.dumps(strict, indent=2) + "\n")


def sync(path):
    """Makes what was written to a file, or renamed in a folder, survive a power cut.

    Raises:
        OSError: If the disk does not take a file. A system need not be able to sync folders.
    """
    is_folder = os.path.isdir(path)
    with contextlib.suppress(OSError) if is_folder else contextlib.nullcontext():
        descriptor = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
