"""Runs examples through a model, and scores and times its answers."""

import dataclasses
import time
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass(frozen=True)
class Scored:
    """What a model made of a set of examples.

    Attributes:
        result: The `keras_vit.tasks.Result`.
        images_per_second: Speed of the answers, without reading and without the first batch, which
            compiles; `None` if there was only one batch.
    """

    result: object
    images_per_second: float | None


def score(
    task,
    answer: Callable[[np.ndarray], dict[str, np.ndarray]],
    batches,
    *,
    watch: Callable[..., None] | None = None,
):
    """Runs examples through a model and scores its answers.

    Args:
        task: The `keras_vit.tasks.Task`.
        answer: Maps images `(B, H, W, C)` to answers `(B, ...)` by name, for example
            `Artefact.answer`.
        batches: Iterable of pairs: images `(B, H, W, C)` and the truth, `(B, ...)`.
        watch: Called with the images, the truth and the answers of each batch.

    Returns:
        A `Scored`.

    Raises:
        ValueError: If the task refuses the answers, or there are none.
    """
    seconds, timed = 0.0, 0

    def pairs():
        nonlocal seconds, timed
        for number, (images, truth) in enumerate(batches):
            start = time.perf_counter()
            answers = answer(images)
            if number:
                seconds += time.perf_counter() - start
                timed += len(images)
            if watch is not None:
                watch(images, truth, answers)
            yield answers, truth

    result = task.score(pairs())
    return Scored(result, timed / seconds if timed else None)
