"""How well a classifier answers: accuracy, calibration, speed."""

import dataclasses
import time

import numpy as np

from keras_vit.errors import UserError


@dataclasses.dataclass(frozen=True)
class Score:
    """What a classifier made of labelled images.

    Attributes:
        labels: True classes `(N,)`.
        probabilities: Its answers `(N, K)`.
        seconds: Time that it took, without reading and without the first batch, which compiles.
        timed: How many images that time is of.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    seconds: float
    timed: int

    @property
    def predictions(self):
        """The most probable classes `(N,)`."""
        return self.probabilities.argmax(axis=-1)

    @property
    def images_per_second(self):
        """Images per second, or `None` where there was one batch."""
        return self.timed / self.seconds if self.timed else None

    def top(self, k):
        """Returns the share of the images whose class is among the `k` most probable."""
        best = np.argsort(-self.probabilities, axis=-1, kind="stable")[:, :k]
        return float((best == self.labels[:, None]).any(axis=-1).mean())

    def calibration_error(self, bins=15):
        """Computes the expected calibration error, in `[0, 1]`.

        "On Calibration of Modern Neural Networks" (arXiv:1706.04599, equation 3): images are put
        into bins of equal width by the probability of their most probable class; in each, the mean
        of that probability is compared with the share that is right.

        Args:
            bins: How many.
        """
        confidence = self.probabilities.max(axis=-1)
        gaps = confidence - (self.predictions == self.labels)
        places = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
        return float(np.abs(np.bincount(places, gaps, minlength=bins)).sum() / len(gaps))

    def per_class(self):
        """Returns, per class, its number of images, recall and precision: three arrays `(K,)`.

        Recall of a class without images, and precision of one that is never predicted, are NaN.
        """
        classes = self.probabilities.shape[-1]
        right = self.labels[self.predictions == self.labels]
        images, predicted, hits = (
            np.bincount(each, minlength=classes) for each in (self.labels, self.predictions, right)
        )
        with np.errstate(invalid="ignore"):
            return images, hits / images, hits / predicted


def score(predict, batches):
    """Runs labelled images through a classifier.

    Args:
        predict: From images `(B, H, W, C)` to probabilities `(B, K)`, `Artefact.predict` for one.
        batches: Pairs of images `(B, H, W, C)` and labels `(B,)`.

    Returns:
        A `Score`.

    Raises:
        ValueError: If there is no image.
    """
    all_labels, all_probabilities, seconds, timed = [], [], 0.0, 0
    for images, labels in batches:
        start = time.perf_counter()
        all_probabilities.append(predict(images))
        if all_labels:
            seconds += time.perf_counter() - start
            timed += len(images)
        all_labels.append(labels)
    if not all_labels:
        raise UserError("There is no image to answer.")
    labels, probabilities = np.concatenate(all_labels), np.concatenate(all_probabilities)
    return Score(labels, probabilities, seconds, timed)
