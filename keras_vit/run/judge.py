"""The score of the trained model on the whole test split, some of whose images are kept."""

from typing import NamedTuple

import keras
import numpy as np

from keras_vit.evaluation import Score, score

LIMIT = 2**30  # largest size of the images that are kept, in bytes


class Judged(NamedTuple):
    """The answers of a model on a test split.

    Attributes:
        score: The `Score` of the whole split.
        images: The images that were kept, uint8 `(N, H, W, C)`: all, or a random choice of them.
        labels: Their classes `(N,)`.
        probabilities: The model's answers to them `(N, K)`.
    """

    score: Score
    images: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray


def judge(model, batches, *, seed):
    """Scores a classifier on every image of a dataset, and keeps images up to `LIMIT` bytes.

    If there are more, the kept ones are drawn at random from all of them, because a split may be
    sorted by class. ("Random sampling with a reservoir", J. S. Vitter 1985, algorithm R.)

    Args:
        model: A classifier, from images `(B, H, W, C)` to logits `(B, K)`.
        batches: A `tf.data.Dataset` of images `(B, H, W, C)` and labels `(B,)`.
        seed: Seed of the random choice.

    Returns:
        A `Judged`.

    Raises:
        ValueError: If the dataset yields no image.
    """
    room = max(1, LIMIT // int(np.prod(model.input_shape[1:])))
    rng = np.random.default_rng(seed)
    kept, seen = [], 0

    def predict(images):
        logits = model.predict_on_batch(images)
        return keras.ops.convert_to_numpy(keras.ops.softmax(logits))

    def keep(*batch):
        nonlocal seen
        for row in zip(*batch, strict=True):
            place = seen if seen < room else int(rng.integers(seen + 1))
            if place < room:  # a copy, because a view would hold the whole batch
                kept[place : place + 1] = [[np.array(part) for part in row]]
            seen += 1

    result = score(predict, batches.as_numpy_iterator(), watch=keep)
    return Judged(result, *(np.stack(parts) for parts in zip(*kept, strict=True)))


def pick_samples(labels, count):
    """Picks images of as many different classes as possible, spread evenly over the classes.

    Args:
        labels: Classes of the images `(N,)`.
        count: How many images to pick.

    Returns:
        A list of at most `count` indices: one image of each of `count` classes or, if there are
        fewer classes, one image of each class in turn.
    """
    places = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    spread = np.linspace(0, len(places) - 1, min(count, len(places))).astype(int)
    turns = max(map(len, places))
    in_turn = [places[i][turn] for turn in range(turns) for i in spread if turn < len(places[i])]
    return in_turn[:count]
