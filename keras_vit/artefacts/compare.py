"""What an export cost: artefacts against the model they came from, on real images."""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from keras_vit.artefacts.litert_file import read_litert
from keras_vit.artefacts.score import Score

BATCHES = (1, 16)  # images a call
ROUNDS = 3  # the artefacts take turns, so that a noisy moment strikes all
SECONDS = 0.4  # of an artefact's turn, about
MOST_CALLS = 50


@dataclasses.dataclass(frozen=True)
class Comparison:
    """How one artefact answered.

    Attributes:
        artefact: Its path.
        size: Its size on disk, in bytes.
        accuracy: Share of the images it classified rightly.
        change: That minus the accuracy of the model it came from.
        agreement: Share of the images whose most probable class is that model's.
        difference: Largest difference of a probability from that model's.
        calibration_error: `Score.calibration_error`.
        milliseconds: Median time of a call, by setting, `"1 thread, batch 16"` for one.
        runtime: What it ran on, with its version.
        operators: How many there are of each in a LiteRT file, else empty.
    """

    artefact: str
    size: int
    accuracy: float
    change: float
    agreement: float
    difference: float
    calibration_error: float
    milliseconds: dict[str, float]
    runtime: str
    operators: dict[str, int]


def compare(paths, images, labels, reference):
    """Reloads each artefact in a fresh process, runs all images through it, and times it.

    Processes of all but Keras files cannot import Keras. Times are medians of calls in which the
    artefacts take turns.

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
    labels, reference = np.asarray(labels), np.asarray(reference)
    times = [{} for _ in paths]
    with _workers(paths, threads=1) as workers:
        _time(workers, times, "1 thread")
    with tempfile.TemporaryDirectory() as folder, _workers(paths, threads=None) as workers:
        _time(workers, times, "all threads")
        np.save(Path(folder, "images.npy"), images)
        answers = [worker.answer(Path(folder)) for worker in workers]
    expected = Score(labels, reference, 0.0, 0)
    comparisons = []
    for path, (runtime, probabilities), milliseconds in zip(paths, answers, times, strict=True):
        score = Score(labels, probabilities, 0.0, 0)
        is_litert = Path(path).suffix == ".tflite"
        comparisons.append(
            Comparison(
                artefact=str(path),
                size=_size(Path(path)),
                accuracy=score.top(1),
                change=score.top(1) - expected.top(1),
                agreement=float((score.predictions == expected.predictions).mean()),
                difference=float(np.abs(probabilities - reference).max()),
                calibration_error=score.calibration_error(),
                milliseconds=milliseconds,
                runtime=runtime,
                operators=read_litert(path).histogram if is_litert else {},
            )
        )
    return comparisons


def _time(workers, times, threads):
    """Notes, per worker, the median milliseconds of a call at each size of a batch."""
    for batch in BATCHES:
        for worker in workers:
            worker.warm_up(batch)
        calls = [[] for _ in workers]
        for _ in range(ROUNDS):
            for worker, found in zip(workers, calls, strict=True):
                found += worker.time(batch)
        for found, time in zip(calls, times, strict=True):
            time[f"{threads}, batch {batch}"] = float(np.median(found))


@contextlib.contextmanager
def _workers(paths, *, threads):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(_Worker(path, threads)) for path in paths]


class _Worker:
    """A process that holds one artefact."""

    def __init__(self, path, threads):
        self._path, self._threads = path, threads
        self._calls = {}

    def __enter__(self):
        command = [sys.executable, "-m", "keras_vit.artefacts.worker", str(self._path)]
        self._errors = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            command + ([] if self._threads is None else [str(self._threads)]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ},
        )
        self._runtime = None
        return self

    def __exit__(self, *error):
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        if error[0] is not None:
            self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def answer(self, folder):
        """Returns the runtime's name and the probabilities of `images.npy` in a folder."""
        out = folder / "probabilities.npy"
        self._ask({"answer": str(folder / "images.npy"), "out": str(out)})
        return self._runtime, np.load(out, allow_pickle=False)

    def warm_up(self, batch):
        """Makes calls that do not count, and sees how many fit into a turn."""
        milliseconds = self._ask({"time": batch, "calls": 3})["milliseconds"]
        self._calls[batch] = int(np.clip(1000 * SECONDS / min(milliseconds), 1, MOST_CALLS))

    def time(self, batch):
        """Returns the milliseconds of a turn's calls."""
        return self._ask({"time": batch, "calls": self._calls[batch]})["milliseconds"]

    def _ask(self, order):
        if self._runtime is None:  # the first line comes when it is loaded
            self._runtime = self._read()["runtime"]
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
        return self._read()

    def _read(self):
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            last_line = self._errors.read().strip().splitlines()[-1:]
            raise RuntimeError(f"{self._path} cannot be replayed: {' '.join(last_line)}")
        return json.loads(line)


def _size(path):
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def comparison_table(comparisons):
    """Lays comparisons out as a `rich.table.Table`, a row each.

    Where a Keras file is among them, times are given as how many times faster a call is.
    """
    from rich.table import Table
    from rich.text import Text  # as it is: a path may look like markup

    table = Table()
    table.add_column("artefact", overflow="fold")
    headings = ["size", "top-1", "same\ntop-1", "largest\ndifference", "calibration\nerror"]
    settings = list(comparisons[0].milliseconds)
    for heading in headings + [f"ms, {name}".replace(", batch", ",\nbatch") for name in settings]:
        table.add_column(heading, justify="right")
    keras_times = next(
        (row.milliseconds for row in comparisons if row.artefact.endswith(".keras")), None
    )
    for row in comparisons:
        times = [
            f"{row.milliseconds[name]:.2f}"
            + (f"\n{keras_times[name] / row.milliseconds[name]:.2f}x" if keras_times else "")
            for name in settings
        ]
        table.add_row(
            Text(Path(row.artefact).name),
            f"{row.size / 1e6:.2f} MB",
            f"{row.accuracy:.2%}\n{100 * row.change:+.2f}",
            f"{row.agreement:.2%}",
            f"{row.difference:.1e}",
            f"{row.calibration_error:.4f}",
            *times,
        )
    return table
