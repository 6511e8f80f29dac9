"""Scores of segmentation, from the pixels of all pictures of a split."""

import dataclasses
from collections.abc import Iterable

import numpy as np

from keras_vit.errors import UserError


@dataclasses.dataclass(frozen=True)
class SegmentationScore:
    """How well masks were predicted.

    Attributes:
        confusion: Pixels `(K, K)`, true class by predicted class; void pixels are in none.
        pictures: Pixels of each class in each picture `(N, 3, K)`: those that are right, those
            that are truly of it, and those that are predicted.
    """

    confusion: np.ndarray
    pictures: np.ndarray

    @classmethod
    def of(cls, masks: Iterable[tuple[np.ndarray, np.ndarray]], num_classes, *, void=None):
        """Counts the pixels of all pictures.

        Args:
            masks: Pairs of integer arrays of one shape, for example `(H, W)`: true and predicted
                classes.
            num_classes: Number of classes `K`, without the void one.
            void: A label of the true masks whose pixels count nowhere, or `None`.

        Returns:
            A `SegmentationScore`.

        Raises:
            ValueError: If shapes differ, or a label is neither void nor in `[0, K)`.
        """
        confusion, pictures = np.zeros((num_classes, num_classes), np.int64), []
        for true, predicted in masks:
            true, predicted = np.asarray(true), np.asarray(predicted)
            if true.shape != predicted.shape:
                raise UserError(
                    f"A predicted mask has the shape of the true one, {true.shape}: "
                    f"received {predicted.shape}."
                )
            valid = np.full(true.shape, True) if void is None else true != void
            pairs = true[valid].astype(np.int64), predicted[valid].astype(np.int64)
            for labels in pairs:
                if labels.size and not 0 <= labels.min() <= labels.max() < num_classes:
                    wrong = labels.min() if labels.min() < 0 else labels.max()
                    raise UserError(f"Labels must lie in [0, {num_classes}): received {wrong}.")
            counted = np.bincount(pairs[0] * num_classes + pairs[1], minlength=num_classes**2)
            counted = counted.reshape(confusion.shape)
            confusion += counted
            pictures.append([np.diagonal(counted), counted.sum(1), counted.sum(0)])
        shape = (len(pictures), 3, num_classes)
        return cls(confusion, np.array(pictures, np.int64).reshape(shape))

    @property
    def figures(self):
        """The figures of all pictures together, by name."""
        known = self.class_accuracy[~np.isnan(self.class_accuracy)]
        return {
            "mean_iou": self.mean_iou,
            "pixel_accuracy": self.pixel_accuracy,
            "class_accuracy": float(known.mean()) if known.size else float("nan"),
        }

    def figures_of(self, counts):
        """Computes the figures of sets that hold each of the `N` pictures a number of times.

        Args:
            counts: How often each set holds each picture, integers `(R, N)`.

        Returns:
            Arrays `(R,)` by name.
        """
        # Of floats, because NumPy multiplies integers slowly; these are exact up to 2^53.
        counts = counts.astype(float)
        right, true, predicted = (counts @ self.pictures[:, part] for part in range(3))
        return {
            "mean_iou": _mean(_ratio(right, true + predicted - right)),
            "pixel_accuracy": _ratio(right.sum(-1), true.sum(-1)),
            "class_accuracy": _mean(_ratio(right, true)),
        }

    @property
    def each(self):
        """Share of the pixels of each picture whose class was found `(N,)`; 1 without pixels."""
        right, true, _ = np.moveaxis(self.pictures.sum(-1), -1, 0)
        return np.where(true, right / np.maximum(true, 1), 1.0)

    @property
    def confused(self):
        """Each pair of a true and a predicted class that occurs, and its pixels, `(M, 3)`."""
        pairs = np.argwhere(self.confusion)
        return np.column_stack([pairs, self.confusion[tuple(pairs.T)]])

    @property
    def pixels(self):
        """Pixels that are truly of each class `(K,)`."""
        return self.pictures[:, 1].sum(0)

    @property
    def iou(self):
        """Intersection over union of each class `(K,)`; NaN if neither mask ever has the class."""
        right, true, predicted = self.pictures.sum(0)
        return _ratio(right, true + predicted - right)

    @property
    def mean_iou(self):
        """Mean of `iou` over the classes that occur; NaN if none does."""
        occurs = ~np.isnan(self.iou)
        return float(self.iou[occurs].mean()) if occurs.any() else float("nan")

    @property
    def class_accuracy(self):
        """Share of each class's pixels that were found `(K,)`; NaN for a class without a pixel."""
        return _ratio(self.pictures[:, 0].sum(0), self.pixels)

    @property
    def pixel_accuracy(self):
        """Share of all pixels whose class was found; NaN if there is none."""
        return float(_ratio(self.pictures[:, 0].sum(), self.pixels.sum()))


def _mean(values):
    """Returns the mean over the last axis of the numbers that are known; NaN if none is."""
    known = ~np.isnan(values)
    return _ratio(np.where(known, values, 0).sum(-1), known.sum(-1))


def _ratio(part, whole):
    with np.errstate(invalid="ignore"):  # 0 of 0 is not known
        return np.divide(part, whole, dtype=float)
