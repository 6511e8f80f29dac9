"""Scores of segmentation, from one confusion matrix over all pixels of a split."""

import dataclasses
from collections.abc import Iterable

import numpy as np

from keras_vit.errors import UserError


@dataclasses.dataclass(frozen=True)
class SegmentationScore:
    """How well masks were predicted.

    Attributes:
        confusion: Pixels `(K, K)`, true class by predicted class; void pixels are in none.
    """

    confusion: np.ndarray

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
        confusion = np.zeros(num_classes * num_classes, np.int64)
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
            counted = np.bincount(pairs[0] * num_classes + pairs[1], minlength=len(confusion))
            confusion += counted
        return cls(confusion.reshape(num_classes, num_classes))

    @property
    def iou(self):
        """Intersection over union of each class `(K,)`; NaN if neither mask ever has the class."""
        hits = np.diagonal(self.confusion).astype(float)
        union = self.confusion.sum(0) + self.confusion.sum(1) - hits
        return _ratio(hits, union)

    @property
    def mean_iou(self):
        """Mean of `iou` over the classes that occur; NaN if none does."""
        occurs = ~np.isnan(self.iou)
        return float(self.iou[occurs].mean()) if occurs.any() else float("nan")

    @property
    def class_accuracy(self):
        """Share of each class's pixels that were found `(K,)`; NaN for a class without a pixel."""
        return _ratio(np.diagonal(self.confusion).astype(float), self.confusion.sum(1))

    @property
    def pixel_accuracy(self):
        """Share of all pixels whose class was found; NaN if there is none."""
        return float(_ratio(np.trace(self.confusion).astype(float), self.confusion.sum()))


def hits_and_unions(true, predicted, num_classes):
    """Counts the pixels of one picture by which its IoU is computed.

    Args:
        true: True classes of its valid pixels, integers `(M,)`.
        predicted: Predicted classes `(M,)`.
        num_classes: Number of classes `K`.

    Returns:
        An array `(2, K)`: pixels of each class that were found, and pixels that have the class in
        either mask.
    """
    hits, *both = (
        np.bincount(each, minlength=num_classes)
        for each in (true[true == predicted], true, predicted)
    )
    return np.stack([hits, sum(both) - hits])


def mean_iou_of(hits, unions, counts):
    """Computes the mean IoU of sets that hold each of `N` pictures a number of times.

    Args:
        hits: Pixels of each class that were found `(N, K)`.
        unions: Pixels that have the class in either mask `(N, K)`.
        counts: How often each set holds each picture `(R, N)`.

    Returns:
        The mean over the classes that occur `(R,)`; NaN for a set without any.
    """
    iou = _ratio((counts @ hits).astype(float), counts @ unions)
    occurs = ~np.isnan(iou)
    return _ratio(np.where(occurs, iou, 0).sum(axis=-1), occurs.sum(axis=-1))


def _ratio(part, whole):
    with np.errstate(invalid="ignore"):  # 0 of 0 is not known
        return np.divide(part, whole)
