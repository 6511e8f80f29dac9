"""The examples whose answers are worst, kept while a set is scored."""

from typing import NamedTuple

import numpy as np
from keras import tree

SHOWN = 24  # pictures of a task that answers in words
DRAWN = 6  # of one that draws its answers, three pictures each


class Example(NamedTuple):
    """An example and what a model answered.

    Attributes:
        image: The image `(H, W, C)`, 0 to 255.
        truth: Its truth, or a structure of arrays.
        answers: The answers by name, arrays without the axis of the batch.
        goodness: How good the answer is, as `keras_vit.tasks.Result.each` has it.
        place: Its place among the examples that were scored, from 0.
    """

    image: np.ndarray
    truth: object
    answers: dict[str, np.ndarray]
    goodness: float
    place: int


class Worst:
    """Keeps the examples whose answers are worst; pass it to `score` as `watch`.

    Where the headline is a share of examples, only those that do not count in it are kept. A task
    that does not say how good each answer is has none.

    Args:
        task: The `keras_vit.tasks.Task`.
        count: How many examples are kept at most.
    """

    def __init__(self, task, count=None):
        self._task, self._count = task, count or (DRAWN if task.draws_answers else SHOWN)
        self._seen = 0
        self.examples = []  # the worst first

    def __call__(self, images, truth, answers):
        """Looks at a batch: images `(B, H, W, C)`, their truth, and arrays of answers by name."""
        result, before = self._task.score([(answers, truth)]), self._seen
        self._seen += len(images)
        if result.each is None:
            return
        right = result.hits.get(result.headline[0], np.zeros(len(images), bool))
        order = np.argsort(result.each, kind="stable")
        for index in order[~right[order]][: self._count]:
            # Copies, because views would hold the whole batch.
            parts = tree.map_structure(
                lambda part, at=index: np.array(part[at]), (images, truth, answers)
            )
            self.examples.append(Example(*parts, float(result.each[index]), before + int(index)))
        self.examples.sort(key=lambda example: (example.goodness, example.place))
        del self.examples[self._count :]
