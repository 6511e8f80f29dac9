"""Scores the answers of a classifier: accuracy, calibration, speed."""

import dataclasses
import time
from collections.abc import Callable

import numpy as np

from keras_vit.errors import UserError


@dataclasses.dataclass(frozen=True)
class Score:
    """The answers of a classifier for labelled images, in a few bytes per image.

    Attributes:
        labels: True classes `(N,)`.
        predictions: The most probable classes `(N,)`.
        confidences: Probabilities of these predictions `(N,)`.
        ranks: Rank of the true class among all `(N,)`: 0 if it is the most probable.
        num_classes: Number of classes `K`.
        seconds: Time of the predictions, without reading and without the first batch, which
            compiles.
        timed: How many images were predicted in that time.
    """

    labels: np.ndarray
    predictions: np.ndarray
    confidences: np.ndarray
    ranks: np.ndarray
    num_classes: int
    seconds: float = 0.0
    timed: int = 0

    @classmethod
    def of(cls, labels, probabilities):
        """Makes a score from probabilities.

        Args:
            labels: True classes `(N,)`.
            probabilities: Predicted probabilities `(N, K)`.

        Returns:
            A `Score` without times.
        """
        falling = np.argsort(-probabilities, axis=-1, kind="stable")
        is_label = falling == np.asarray(labels)[:, None]
        classes = probabilities.shape[-1]
        ranks = np.where(is_label.any(axis=-1), is_label.argmax(axis=-1), classes)
        predictions, confidences = probabilities.argmax(axis=-1), probabilities.max(axis=-1)
        return cls(np.asarray(labels), predictions, confidences, ranks, classes)

    @property
    def images_per_second(self):
        """Images per second, or `None` if there was only one batch."""
        return self.timed / self.seconds if self.timed else None

    def top(self, k):
        """Returns the top-k accuracy, in `[0, 1]`.

        Args:
            k: How many of the most probable classes are counted.

        Returns:
            The share of the images whose true class is among them.
        """
        return float((self.ranks < k).mean())

    def calibration_error(self, bins=15):
        """Computes the expected calibration error, in `[0, 1]`.

        "On Calibration of Modern Neural Networks" (arXiv:1706.04599, equation 3): images are put
        into bins of equal width by the probability of their most probable class; in each, the mean
        of that probability is compared with the share that is right.

        Args:
            bins: Number of bins.

        Returns:
            The error, a `float`.
        """
        gaps = self.confidences - (self.predictions == self.labels)
        places = np.clip(np.ceil(self.confidences * bins).astype(int) - 1, 0, bins - 1)
        return float(np.abs(np.bincount(places, gaps, minlength=bins)).sum() / len(gaps))

    def per_class(self):
        """Computes figures of each class.

        Returns:
            Three arrays `(K,)`: number of images, recall and precision. The recall of a class
            without images and the precision of a class that is never predicted are NaN.
        """
        right = self.labels[self.predictions == self.labels]
        images, predicted, hits = (
            np.bincount(each, minlength=self.num_classes)
            for each in (self.labels, self.predictions, right)
        )
        with np.errstate(invalid="ignore"):
            return images, hits / images, hits / predicted


def score(
    predict: Callable[[np.ndarray], np.ndarray],
    batches,
    *,
    watch: Callable[[np.ndarray, np.ndarray, np.ndarray], None] | None = None,
):
    """Runs labelled images through a classifier and scores its answers.

    Args:
        predict: Maps images `(B, H, W, C)` to probabilities `(B, K)`, for example
            `Artefact.predict`.
        batches: Iterable of pairs: images `(B, H, W, C)` and labels `(B,)`.
        watch: Called with the images, labels and probabilities of each batch.

    Returns:
        A `Score`.

    Raises:
        ValueError: If there is no image.
    """
    parts, seconds, timed = [], 0.0, 0
    for images, labels in batches:
        start = time.perf_counter()
        probabilities = predict(images)
        if parts:
            seconds += time.perf_counter() - start
            timed += len(images)
        parts.append(Score.of(labels, probabilities))
        if watch is not None:
            watch(images, labels, probabilities)
    if not parts:
        raise UserError("There is no image to answer.")
    arrays = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("labels", "predictions", "confidences", "ranks")
    }
    return Score(**arrays, num_classes=parts[0].num_classes, seconds=seconds, timed=timed)
