"""Compares exports with the model they came from: answers, size and time."""

import contextlib
import dataclasses
import os
import tempfile
import uuid
from pathlib import Path

import numpy as np

from keras_vit.evaluation.difference import broken, differences, is_decision
from keras_vit.evaluation.operators import operators_of
from keras_vit.evaluation.process import ON_CPU, Worker
from keras_vit.evaluation.significance import Chance, chance_of_loss
from keras_vit.evaluation.timing import for_each, time_in_turns
from keras_vit.progress import doing

FEW_CORES = 4  # up to which one thread of each export, side by side, is as fast as all of one


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

    Args:
        task: The `keras_vit.tasks.Task` that they were trained for.
        paths: Files and folders, as `open_artefact` takes them.
        images: Batch `(N, H, W, C)`, 0 to 255.
        truth: The truth of the images, by which the task scores.
        reference: Answers of the model that was exported, arrays `(N, ...)` by name.
        failures: As `Comparing.finish` takes it.

    Returns:
        A list of `Comparison`s in the order of the paths, without those that failed.

    Raises:
        NoAnswer: If an export cannot be loaded or run and `failures` is `None`; it holds the last
            line that the process wrote.
    """
    with Comparing(images) as comparing:
        for path in paths:
            comparing.begin(path)
        return comparing.finish(task, truth, reference, failures=failures)


class Comparing:
    """A context manager that compares exports, of which the first answer while others are written.

    Each export is loaded in a process of its own, which computes on the CPU. Only those of Keras
    files can import Keras. On a machine of few cores the processes compute with one thread first,
    and answer side by side. Then all are timed: times are medians of calls in which the exports
    take turns.

    Args:
        images: Batch `(N, H, W, C)`, 0 to 255.
    """

    def __init__(self, images):
        self._images, self._workers = images, []
        self._are_few = (os.cpu_count() or 1) <= FEW_CORES

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory()
        self._running = contextlib.ExitStack()
        np.save(Path(self._folder.name, "images.npy"), self._images)
        return self

    def __exit__(self, *error):
        self._running.__exit__(*error)
        self._folder.cleanup()

    def begin(self, path):
        """Starts the process of an export, and does not wait for it.

        Args:
            path: A file or folder, as `open_artefact` takes it.
        """
        threads = 1 if self._are_few else None
        worker = self._running.enter_context(Worker(path, threads, environment=ON_CPU))
        self._workers.append(worker)
        if self._are_few:
            worker.begin_answer(*self._files())

    def finish(self, task, truth, reference=None, *, failures=None):
        """Waits for the answers, and times all exports.

        Args:
            task: The `keras_vit.tasks.Task` that they were trained for.
            truth: The truth of the images, by which the task scores.
            reference: Answers of the model that was exported, arrays `(N, ...)` by name; by default
                those of the export that was begun first.
            failures: Dictionary to which the `NoAnswer` of each export that cannot be loaded or run
                is added, by path, while the others are compared; if `None`, the first one is
                raised.

        Returns:
            A list of `Comparison`s in the order in which they were begun, without those that
            failed.

        Raises:
            NoAnswer: If an export cannot be loaded or run and `failures` is `None`, or it is the
                first one and there is no `reference`.
        """
        failed = None if failures is None else {}
        with self._running:
            with doing(f"answering {len(self._images):,} images with each export"):
                answers = for_each(self._workers, self._answers_of, failed)
            settings = (1, None) if self._are_few else (None, 1)  # those of the answers first
            times = {threads: _timed(self._workers, threads, failed) for threads in settings}
            runtimes = _by_place(for_each(self._workers, lambda x: x.runtime, failed))
        answers = _by_place(answers)
        failed = _by_place(failed or {})
        first = self._workers[0].place
        if reference is None and first in failed:
            raise failed[first]
        if failed:
            failures |= failed
        reference = answers[first] if reference is None else reference
        truth = reference if task.truth_is_answered else truth
        expected = task.score([(reference, truth)])
        return [
            _comparison(
                task,
                path,
                (answers[path], reference),
                (task.score([(answers[path], truth)]), expected),
                milliseconds={f"1 thread, batch {x}": y for x, y in times[1][path].items()}
                | {f"all threads, batch {x}": y for x, y in times[None][path].items()},
                runtime=runtime,
            )
            for path, runtime in runtimes.items()
            if path not in failed
        ]

    def _answers_of(self, worker):
        return worker.end_answer() if self._are_few else worker.answer(*self._files())

    def _files(self):
        """Returns the images' file, and a name for a file of answers to them."""
        folder = Path(self._folder.name)
        return folder / "images.npy", folder / f"{uuid.uuid4().hex}.npz"


def _timed(workers, threads, failed):
    """Returns what `time_in_turns` does with so many threads, by the path of the export."""
    with doing("timing the exports"):
        for_each(workers, lambda worker: worker.use_threads(threads), failed)
        times = time_in_turns(workers, failures=failed)
    return _by_place(dict(zip(workers, times, strict=True)))


def _by_place(values):
    return {worker.place: value for worker, value in values.items()}


def _comparison(task, path, answers, results, **measured):
    result, expected = results
    compared = answers if task.comparable is None else tuple(map(task.comparable, answers))
    return Comparison(
        artefact=str(path),
        size=_size(Path(path)),
        figures=result.figures,
        change=task.change(result, expected),
        agreement=_agreement(task, *answers),
        **_differences(*compared),
        operators=operators_of(path),
        chance=chance_of_loss(task, result, expected),
        broken=broken(*compared),
        **measured,
    )


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


def _size(path):
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
