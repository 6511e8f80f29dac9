"""What an export cost: artefacts against the model they came from, on real images."""

import dataclasses
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np


@dataclasses.dataclass(frozen=True)
class Comparison:
    """How one artefact answered.

    Attributes:
        artefact: Its path.
        size: Its size on disk, in bytes.
        accuracy: Share of the images it classified rightly.
        difference: Largest difference of a probability from the reference.
        milliseconds: Median time of a call of one image, over the first 1,000.
    """

    artefact: str
    size: int
    accuracy: float
    difference: float
    milliseconds: float


def compare(paths, images, labels, reference):
    """Reloads each artefact in a fresh process and runs all images through it.

    Processes of a SavedModel or a LiteRT file cannot import Keras. They run one after another, so
    that their times do not disturb each other.

    Args:
        paths: Artefacts, as `open_artefact` takes them.
        images: Batch `(N, H, W, C)`, 0 to 255.
        labels: Their classes `(N,)`.
        reference: Probabilities `(N, K)` of the model that was exported.

    Returns:
        A list of `Comparison`, in the order of the paths.

    Raises:
        RuntimeError: If an artefact cannot be loaded or run; with what its process said last.
    """
    with tempfile.TemporaryDirectory() as folder:
        images_path = Path(folder, "images.npy")
        np.save(images_path, images)
        return [_compare(path, images_path, labels, reference) for path in paths]


def _compare(path, images_path, labels, reference):
    result_path = images_path.with_name("result.npz")
    command = [sys.executable, "-m", "keras_vit.artefacts.replay", path, images_path, result_path]
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ},
    )
    if done.returncode:
        last_line = done.stderr.strip().splitlines()[-1:]
        raise RuntimeError(f"{path} cannot be replayed: {' '.join(last_line)}")
    with np.load(result_path, allow_pickle=False) as result:
        probabilities, milliseconds = result["probabilities"], result["milliseconds"]
    return Comparison(
        artefact=str(path),
        size=_size(Path(path)),
        accuracy=float((probabilities.argmax(axis=-1) == labels).mean()),
        difference=float(np.abs(probabilities - reference).max()),
        milliseconds=float(np.median(milliseconds)),
    )


def _size(path):
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def comparison_table(comparisons):
    """Lays comparisons out as a `rich.table.Table`, a row each."""
    from rich.table import Table
    from rich.text import Text  # as it is: a path may look like markup

    table = Table()
    table.add_column("artefact", overflow="fold")  # a path that is cut cannot be copied
    for heading in ("size", "test\naccuracy", "largest\ndifference", "median ms\nper image"):
        table.add_column(heading, justify="right")
    for row in comparisons:
        table.add_row(
            Text(row.artefact),
            f"{row.size / 1e6:.2f} MB",
            f"{row.accuracy:.2%}",
            f"{row.difference:.1e}",
            f"{row.milliseconds:.2f}",
        )
    return table
