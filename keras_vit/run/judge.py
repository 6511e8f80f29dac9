"""The score of the trained model on the whole test split, some of whose images are kept."""

import itertools
from typing import NamedTuple

import numpy as np
from keras import tree

from keras_vit.evaluation import score
from keras_vit.evaluation.worst import Worst
from keras_vit.progress import progress

LIMIT = 2**30  # largest size of the images that are kept, in bytes


class Judged(NamedTuple):
    """The answers of a model on a test split.

    Attributes:
        result: The `keras_vit.tasks.Result` of the whole split.
        images: The images that were kept, uint8 `(N, H, W, C)`: all, or a random choice of them.
        truth: Their truth, `(N, ...)` or a structure of such arrays.
        answers: The model's answers to them, arrays `(N, ...)` by name.
        worst: The `keras_vit.evaluation.worst.Example`s of the whole split that are answered worst.
    """

    result: object
    images: np.ndarray
    truth: object
    answers: dict[str, np.ndarray]
    worst: list


def judge(task, deployed, batches, *, seed, count=None):
    """Scores a model on every image of a dataset, and keeps images up to `LIMIT` bytes.

    If there are more, the kept ones are drawn at random from all of them, because a split may be
    sorted by class. ("Random sampling with a reservoir", J. S. Vitter 1985, algorithm R.)

    Args:
        task: The `keras_vit.tasks.Task`.
        deployed: The model, a `keras_vit.tasks.Deployed`.
        batches: A `tf.data.Dataset` of images `(B, H, W, C)` and their truth.
        seed: Seed of the random choice.
        count: Number of images, for the progress bar, or `None`.

    Returns:
        A `Judged`.

    Raises:
        ValueError: If the dataset yields no image.
    """
    room = max(1, LIMIT // int(np.prod(deployed.model.input_shape[1:])))
    rng = np.random.default_rng(seed)
    kept, seen, worst = [], 0, Worst(task)

    def keep(*batch):
        nonlocal seen
        worst(*batch)
        for index in range(len(batch[0])):
            place = seen if seen < room else int(rng.integers(seen + 1))
            if place < room:  # a copy, because a view would hold the whole batch
                row = tree.map_structure(lambda part, at=index: np.array(part[at]), batch)
                kept[place : place + 1] = [row]
            seen += 1

    batches = batches.as_numpy_iterator()
    if (first := next(batches, None)) is not None:
        steps = None if count is None else -(-count // len(first[0]))
        batches = progress(itertools.chain([first], batches), "scoring the test split", steps)
    scored = score(task, deployed.predict_on_batch, batches, watch=keep)
    arrays = tree.map_structure(lambda *parts: np.stack(parts), *kept)
    return Judged(scored.result, *arrays, worst.examples)
