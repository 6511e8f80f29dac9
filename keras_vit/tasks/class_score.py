"""Scores of classification: accuracy and calibration."""

import dataclasses
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Score:
    """The answers of a classifier for labelled images, in a few bytes per image.

    Attributes:
        labels: True classes `(N,)`.
        predictions: The most probable classes `(N,)`.
        confidences: Probabilities of these predictions `(N,)`.
        ranks: Rank of the true class among all `(N,)`: 0 if it is the most probable.
        of_labels: Probabilities of the true classes `(N,)`, 0 for a class that the model lacks.
        num_classes: Number of classes `K`.
    """

    labels: np.ndarray
    predictions: np.ndarray
    confidences: np.ndarray
    ranks: np.ndarray
    of_labels: np.ndarray
    num_classes: int

    @classmethod
    def of(cls, labels, probabilities):
        """Makes a score from probabilities.

        Args:
            labels: True classes `(N,)`.
            probabilities: Predicted probabilities `(N, K)`.

        Returns:
            A `Score`.
        """
        falling = np.argsort(-probabilities, axis=-1, kind="stable")
        is_label = falling == np.asarray(labels)[:, None]
        classes = probabilities.shape[-1]
        ranks = np.where(is_label.any(axis=-1), is_label.argmax(axis=-1), classes)
        predictions, confidences = probabilities.argmax(axis=-1), probabilities.max(axis=-1)
        best = np.take_along_axis(probabilities, falling, -1)
        of_labels = np.where(is_label, best, 0).max(axis=-1)
        return cls(np.asarray(labels), predictions, confidences, ranks, of_labels, classes)

    @classmethod
    def joined(cls, parts: Sequence["Score"]):
        """Joins the scores of several batches, of which there is at least one."""
        arrays = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("labels", "predictions", "confidences", "ranks", "of_labels")
        )
        return cls(*arrays, num_classes=parts[0].num_classes)

    def top(self, k):
        """Returns the top-k accuracy, in `[0, 1]`.

        Args:
            k: How many of the most probable classes are counted.

        Returns:
            The share of the images whose true class is among them.
        """
        return float((self.ranks < k).mean())

    @property
    def confusion(self):
        """Each pair of a true and a predicted class that occurs, and how often, `(M, 3)`."""
        pairs, counts = np.unique(
            np.stack([self.labels, self.predictions], axis=1), axis=0, return_counts=True
        )
        return np.column_stack([pairs, counts])

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
