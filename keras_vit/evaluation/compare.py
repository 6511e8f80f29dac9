"""What an export cost: artefacts against the model they came from, on real images."""

import contextlib
import dataclasses
import tempfile
from pathlib import Path

import numpy as np

from keras_vit.evaluation.operators import operators_of
from keras_vit.evaluation.score import Score
from keras_vit.evaluation.timing import Worker, time_in_turns


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
        operators: As `keras_vit.evaluation.operators.operators_of` counts them.
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
        NoAnswer: If an artefact cannot be loaded or run; with what its process said last.
    """
    labels, reference = np.asarray(labels), np.asarray(reference)
    with _workers(paths, threads=1) as workers:
        one_thread = time_in_turns(workers)
    with tempfile.TemporaryDirectory() as folder, _workers(paths, threads=None) as workers:
        all_threads = time_in_turns(workers)
        asked, told = Path(folder, "images.npy"), Path(folder, "probabilities.npy")
        np.save(asked, images)
        answers = [(worker.runtime, worker.answer(asked, told)) for worker in workers]
    times = [
        {f"1 thread, batch {batch}": time for batch, time in one.items()}
        | {f"all threads, batch {batch}": time for batch, time in both.items()}
        for one, both in zip(one_thread, all_threads, strict=True)
    ]
    expected = Score.of(labels, reference)
    comparisons = []
    for path, (runtime, probabilities), milliseconds in zip(paths, answers, times, strict=True):
        score = Score.of(labels, probabilities)
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
                operators=operators_of(path),
            )
        )
    return comparisons


@contextlib.contextmanager
def _workers(paths, *, threads):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Worker(path, threads)) for path in paths]


def _size(path):
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
