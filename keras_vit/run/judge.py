"""How good the trained model is: the whole test split is scored, some of it is kept."""

from typing import NamedTuple

import keras
import numpy as np

from keras_vit.evaluation import Score, score

LIMIT = 2**30  # bytes of images that are kept, at most


class Judged(NamedTuple):
    """What a model answered on a test split.

    Attributes:
        score: The `Score` of the whole split.
        images: Those that were kept `(N, H, W, C)`: all, or a random choice of them.
        labels: Their classes `(N,)`.
        probabilities: What the model answered to them `(N, K)`.
    """

    score: Score
    images: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray


def judge(model, batches, *, seed):
    """Scores a classifier on every image of a stream, and keeps as many as `LIMIT` bytes hold.

    Where the stream holds more, those that are kept are drawn from the whole of it: a split may be
    sorted by class. ("Random sampling with a reservoir", J. S. Vitter 1985, algorithm R.)

    Args:
        model: A classifier, images to logits.
        batches: A `tf.data.Dataset` of images `(B, H, W, C)` and labels `(B,)`.
        seed: Seed of the choice.

    Returns:
        A `Judged`.

    Raises:
        ValueError: If no image comes.
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
    """Picks images of as many classes as there are, evenly spread over them.

    Args:
        labels: Classes of the images `(N,)`.
        count: How many images to pick.

    Returns:
        A list of at most `count` indices: one image of each of `count` classes, or of all classes
        in turn where there are fewer.
    """
    places = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    spread = np.linspace(0, len(places) - 1, min(count, len(places))).astype(int)
    turns = max(map(len, places))
    in_turn = [places[i][turn] for turn in range(turns) for i in spread if turn < len(places[i])]
    return in_turn[:count]
