"""Compares exports with the model they came from: answers, size and time."""

import contextlib
import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_vit.evaluation.difference import broken, differences, is_decision
from keras_vit.evaluation.operators import operators_of
from keras_vit.evaluation.significance import Chance, chance_of_loss
from keras_vit.evaluation.timing import Worker, for_each, time_in_turns


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The answers, size and times of one export.

    Attributes:
        artefact: Path of the export.
        size: Size on disk, in bytes.
        figures: The figures of the task by name, the headline first.
        change: How much better the headline is than that of the model it came from, as
            `keras_vit.tasks.Task.change` measures it.
        agreement: Share of the decisions that are the same as that model's; `None` where the task
            decides nothing.
        difference: Largest difference of an answer in numbers from that model's, as
            `keras_vit.evaluation.difference.differences` measures it.
        decided: Largest share of an answer in integers that differs from that model's.
        milliseconds: Median time of a call, by setting, for example `"1 thread, batch 16"`.
        runtime: Name and version of the runtime.
        operators: Number of operators by name, as `operators_of` counts them.
        decisions: How many decisions there are in that answer.
        chance: How probable a loss as large is by chance; `None` where it cannot be tested.
        broken: Why its answers are no use, a sentence; empty if they are of use.
        remark: What is said of it although it is kept, a sentence or nothing.
        is_forced: Whether it is kept beyond its limit.
    """

    artefact: str
    size: int
    figures: dict[str, float]
    change: float
    agreement: float | None
    difference: float
    decided: float
    milliseconds: dict[str, float]
    runtime: str
    operators: dict[str, int]
    decisions: int = 1
    chance: Chance | None = None
    broken: str = ""
    remark: str = ""
    is_forced: bool = False


def compare(task, paths, images, truth, reference, *, failures=None):
    """Loads each export in a fresh process, runs all images through it, and times it.

    Only the processes of Keras files can import Keras. Times are medians of calls in which the
    exports take turns.

    Args:
        task: The `keras_vit.tasks.Task` that they were trained for.
        paths: Files and folders, as `open_artefact` takes them.
        images: Batch `(N, H, W, C)`, 0 to 255.
        truth: The truth of the images, by which the task scores.
        reference: Answers of the model that was exported, arrays `(N, ...)` by name.
        failures: Dictionary to which the `NoAnswer` of each export that cannot be loaded or run is
            added, by path, while the others are compared; if `None`, the first one is raised.

    Returns:
        A list of `Comparison`s in the order of the paths, without those that failed.

    Raises:
        NoAnswer: If an export cannot be loaded or run and `failures` is `None`; it holds the last
            line that the process wrote.
    """
    with tempfile.TemporaryDirectory() as folder:
        images_file, answers_file = Path(folder, "images.npy"), Path(folder, "answers.npz")
        np.save(images_file, images)
        one_thread = _ask_in_turns(paths, 1, lambda worker: worker.runtime, failures)
        all_threads = _ask_in_turns(
            list(one_thread),
            None,
            lambda worker: worker.answer(images_file, answers_file),
            failures,
        )
    expected = task.score([(reference, truth)])
    comparisons = []
    for path, (milliseconds, answers) in all_threads.items():
        times, runtime = one_thread[path]
        result = task.score([(answers, truth)])
        comparisons.append(
            Comparison(
                artefact=str(path),
                size=_size(Path(path)),
                figures=result.figures,
                change=task.change(result, expected),
                agreement=_agreement(task, answers, reference),
                **_differences(answers, reference),
                milliseconds={f"1 thread, batch {batch}": time for batch, time in times.items()}
                | {f"all threads, batch {batch}": time for batch, time in milliseconds.items()},
                runtime=runtime,
                operators=operators_of(path),
                chance=chance_of_loss(task, result, expected),
                broken=broken(answers, reference),
            )
        )
    return comparisons


def _differences(answers, reference):
    found = differences(answers, reference)
    decided = {name for name, array in reference.items() if is_decision(array)}
    most = max(decided, key=lambda name: np.nan_to_num(found[name], nan=np.inf), default=None)
    return {
        "difference": float(np.max([0.0, *(found[x] for x in found.keys() - decided)])),
        "decided": 0.0 if most is None else found[most],
        "decisions": 1 if most is None else reference[most].size,
    }


def _agreement(task, answers, reference):
    if task.decide is None:
        return None
    return float((task.decide(answers) == task.decide(reference)).mean())


def _ask_in_turns(paths, threads, ask: Callable[[Worker], object], failures):
    """Returns a dictionary by path of pairs: the times of calls, and the result of `ask`."""
    failed = None if failures is None else {}
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(Worker(path, threads)) for path in paths]
        times = dict(zip(workers, time_in_turns(workers, failures=failed), strict=True))
        answers = for_each(workers, ask, failed)
    if failed:
        failures |= {worker.place: error for worker, error in failed.items()}
    return {worker.place: (times[worker], answer) for worker, answer in answers.items()}


def _size(path):
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
