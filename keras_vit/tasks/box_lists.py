"""Boxes of one picture, true and answered, checked before they are scored."""

from collections.abc import Mapping

import numpy as np

from keras_vit.errors import UserError


def true_boxes(truth: Mapping, num_classes):
    """Reads the true boxes of a picture.

    Args:
        truth: `boxes` `(M, 4)`, `(x_min, y_min, x_max, y_max)` in pixels, and `box_labels` `(M,)`,
            classes; -1 marks a place without a box. `ignored` `(M,)`, if there is one, says which
            boxes need not be found, such as COCO's crowds and Pascal VOC's difficult boxes.
        num_classes: Number of classes `K`.

    Returns:
        Boxes `(m, 4)`, float64, classes `(m,)`, and whether each is ignored `(m,)`.

    Raises:
        ValueError: If a box has a side that is not finite, inverted corners or no area, or a class
            outside `[0, K)`.
    """
    boxes, classes, places = _occupied(truth["boxes"], truth["box_labels"], num_classes, "true")
    for box in boxes[(boxes[:, :2] == boxes[:, 2:]).any(axis=1)][:1]:
        raise UserError(f"A true box must have an area: received {_text(box)}.")
    ignored = np.asarray(truth.get("ignored", np.zeros(places.max(initial=-1) + 1)))
    return boxes, classes, ignored[places].astype(bool)


def answered_boxes(answers: Mapping, num_classes):
    """Reads the boxes that a model answered for a picture.

    A box without area is no mistake here: it overlaps nothing.

    Args:
        answers: `boxes` `(M, 4)`, as `true_boxes` takes them, `scores` `(M,)`, the higher the
            surer, and `classes` `(M,)`; the class -1 marks a place without a box.
        num_classes: Number of classes `K`.

    Returns:
        Boxes `(m, 4)`, scores `(m,)`, both float64, and classes `(m,)`.

    Raises:
        ValueError: If a box has a side that is not finite or inverted corners, a score is not
            finite, or a class lies outside `[0, K)`.
    """
    boxes, classes, places = _occupied(
        answers["boxes"], answers["classes"], num_classes, "answered"
    )
    scores = np.asarray(answers["scores"], float)
    if scores.shape != (len(np.asarray(answers["boxes"])),):
        raise UserError(
            f"Each answered box must have a score: received scores of {scores.shape} for boxes "
            f"of {np.shape(answers['boxes'])}."
        )
    scores = scores[places]
    if not np.isfinite(scores).all():
        raise UserError(
            f"A score must be finite: received {scores[~np.isfinite(scores)][0]} for the box "
            f"{_text(boxes[~np.isfinite(scores)][0])}."
        )
    return boxes, scores, classes


def _occupied(boxes, classes, num_classes, kind):
    """Returns the boxes, classes and places of what is no empty place."""
    boxes, classes = np.asarray(boxes, float), np.asarray(classes)
    if boxes.size == 0:
        boxes = boxes.reshape(-1, 4)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or classes.shape != boxes.shape[:1]:
        raise UserError(
            f"Each {kind} box must have four sides and a class: received boxes of {boxes.shape} "
            f"and classes of {classes.shape}."
        )
    places = np.flatnonzero(classes != -1)
    boxes, classes = boxes[places], classes[places].astype(np.int64)
    for box in boxes[~np.isfinite(boxes).all(axis=1)][:1]:
        raise UserError(f"The sides of a box must be finite: received {kind} {_text(box)}.")
    for box in boxes[(boxes[:, :2] > boxes[:, 2:]).any(axis=1)][:1]:
        raise UserError(
            "A box must be (x_min, y_min, x_max, y_max), the smaller corner first: received "
            f"{kind} {_text(box)}."
        )
    for wrong in classes[(classes < 0) | (classes >= num_classes)][:1]:
        raise UserError(
            f"The class of a box must lie in [0, {num_classes}): received {kind} class {wrong}."
        )
    return boxes, classes, places


def _text(box):
    return f"({', '.join(f'{side:g}' for side in box)})"
