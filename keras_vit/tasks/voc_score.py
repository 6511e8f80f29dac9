"""Average precision of boxes as Pascal VOC counts it."""

from collections.abc import Iterable, Mapping

import numpy as np

from keras_vit.errors import UserError
from keras_vit.tasks.box_lists import answered_boxes, true_boxes


def voc_ap(pairs: Iterable[tuple[Mapping, Mapping]], num_classes, *, points=None, overlap=0.5):
    """Computes the average precision of each class as Pascal VOC's development kit does.

    "The Pascal Visual Object Classes (VOC) Challenge" (Everingham et al., 2010), section 4.2. All
    boxes of a class are taken from the surest on, over all pictures. One is right if the true box
    of its picture that it overlaps most does so by at least `overlap` and is not yet found; a
    second one on the same true box is wrong. VOC counts pixels with both ends of a box, which are
    the areas between the edges that samples hold.

    Args:
        pairs: For each picture what is true and what was answered, as
            `keras_vit.tasks.box_lists` reads them. An `ignored` box, such as one that is
            marked as difficult, counts neither as found nor as missed.
        num_classes: Number of classes `K`.
        points: `None` for the area under the precision that never rises with the recall, as since
            2010; 11 for its mean at the recalls 0, 0.1, ..., 1, as in 2007.
        overlap: Least intersection over union of a box that is right.

    Returns:
        An array `(K,)`; NaN for a class without a true box that counts.

    Raises:
        ValueError: If `points` is neither, or `true_boxes` or `answered_boxes` refuses a box.
    """
    if points not in (None, 11):
        raise UserError(f"`points` must be None or 11: received {points}.")
    needed = np.zeros(num_classes, np.int64)
    scores, right = ([[] for _ in range(num_classes)] for _ in range(2))
    for truth, answers in pairs:
        true, true_classes, ignored = true_boxes(truth, num_classes)
        boxes, surety, classes = answered_boxes(answers, num_classes)
        for index in range(num_classes):
            own, mine = true_classes == index, classes == index
            needed[index] += (own & ~ignored).sum()
            order = np.argsort(-surety[mine], kind="stable")
            judged = _judge(boxes[mine][order], true[own], ignored[own], overlap)
            right[index].append(judged[judged != 0])
            scores[index].append(surety[mine][order][judged != 0])
    return np.array(
        [_area(*each, points) for each in zip(scores, right, needed, strict=True)], float
    )


def harmonic_mean(truth, answers, num_classes, *, overlap=0.5):
    """Computes how well the boxes of one picture were found: the harmonic mean of two shares.

    The shares are those of the answered boxes that are right, as in `voc_ap`, and of the true ones
    that are found; their harmonic mean is also called F1.

    Args:
        truth: What is true of the picture, as `keras_vit.tasks.box_lists` reads it. A box that is
            found in an `ignored` one, to at least `overlap` of its area, and is not right counts
            nowhere.
        answers: What was answered; each box counts, whatever its score.
        num_classes: Number of classes `K`.
        overlap: Least intersection over union of a box that is right.

    Returns:
        A number in [0, 1]; 1 where there is nothing and nothing was answered.

    Raises:
        ValueError: If `true_boxes` or `answered_boxes` refuses a box.
    """
    true, true_classes, ignored = true_boxes(truth, num_classes)
    boxes, scores, classes = answered_boxes(answers, num_classes)
    order = np.argsort(-scores, kind="stable")
    boxes, classes = boxes[order], classes[order]
    right, count = 0, int((~ignored).sum())
    for index in np.unique(classes):
        mine, own = boxes[classes == index], true_classes == index
        needed = true[own & ~ignored]
        judged = _judge(mine, needed, np.zeros(len(needed), bool), overlap)
        inside = _inside(mine, true[own & ignored]).max(axis=1, initial=0) >= overlap
        right += int((judged == 1).sum())
        count += int(((judged == 1) | ~inside).sum())
    return 2 * right / count if count else 1.0


def _judge(boxes, true, ignored, overlap):
    """Returns for each box, the surest first, 1 if it is right, -1 if wrong, 0 if neither."""
    judged, found = np.full(len(boxes), -1), np.zeros(len(true), bool)
    overlaps = _overlaps(boxes, true)
    for index in range(len(boxes) if len(true) else 0):
        best = overlaps[index].argmax()
        if overlaps[index, best] >= overlap:
            judged[index] = 0 if ignored[best] else -1 if found[best] else 1
            found[best] = True
    return judged


def _area(scores, right, needed, points):
    """Returns the average precision of a class from the boxes of all pictures."""
    if not needed:
        return float("nan")
    if not scores:
        return 0.0
    order = np.argsort(-np.concatenate(scores), kind="stable")
    hits = np.concatenate(right)[order] == 1
    recall = hits.cumsum() / needed
    precision = hits.cumsum() / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]  # at this recall or any higher one
    if points is None:
        return float((np.diff(recall, prepend=0) * best).sum())
    # At a recall of t/10, by integers: 3 of 10 is 0.3, whatever the rounding.
    first = np.searchsorted(10 * hits.cumsum(), needed * np.arange(11), side="left")
    return float(np.append(best, 0.0)[first].mean())


def _overlaps(boxes, others):
    """Computes the overlap of each of `(M, 4)` boxes with each of `(N, 4)`, an array `(M, N)`."""
    both = _shared(boxes, others)
    return both / (_areas(boxes)[:, None] + _areas(others) - both)  # true boxes have an area


def _inside(boxes, others):
    """Computes the share of the area of each box that lies in each of others, `(M, N)`."""
    return _shared(boxes, others) / np.maximum(_areas(boxes), np.finfo(float).tiny)[:, None]


def _shared(boxes, others):
    """Computes the area that each box shares with each of others, `(M, N)`."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    return np.clip(high - low, 0, None).prod(axis=-1)


def _areas(boxes):
    return (boxes[:, 2:] - boxes[:, :2]).prod(axis=-1)
