"""How much boxes `(x_min, y_min, x_max, y_max)` overlap."""

from keras import ops


def overlap(first, second):
    """Computes the area that pairs of boxes share, and the area that they cover together.

    Compare with this, `intersection > threshold * union`, where no quotient is needed.

    Args:
        first: Boxes `(..., 4)`; the sides of one whose corners are inverted count as 0.
        second: Boxes of a shape that broadcasts with `first`: `(M, 1, 4)` and `(N, 4)` compare
            each of `M` boxes with each of `N`.

    Returns:
        Intersection and union `(...)`, in squares of the boxes' unit.
    """
    intersection = _shared_side(first, second, 0) * _shared_side(first, second, 1)
    return intersection, _area(first) + _area(second) - intersection


def iou(first, second):
    """Computes the intersection over union of pairs of boxes.

    Args:
        first: Boxes `(..., 4)`.
        second: Boxes of a shape that broadcasts with `first`.

    Returns:
        Shares `(...)` in [0, 1]; 0 where both boxes have no area.
    """
    return ops.divide_no_nan(*overlap(first, second))


def giou(first, second):
    """Computes the generalized intersection over union of pairs of boxes.

    The IoU, less the share of the smallest box around both that neither covers: it also says how
    far boxes are apart. "Generalized Intersection over Union" (arXiv:1902.09630), algorithm 1.

    Args:
        first: Boxes `(..., 4)`.
        second: Boxes of a shape that broadcasts with `first`.

    Returns:
        Numbers `(...)` in (-1, 1]; 0 where both boxes are one point. A loss is `1 - giou`.
    """
    intersection, union = overlap(first, second)
    low = ops.minimum(first[..., :2], second[..., :2])
    high = ops.maximum(first[..., 2:], second[..., 2:])
    around = _area(ops.concatenate([low, high], axis=-1))
    covered = ops.divide_no_nan(intersection, union)
    return covered - ops.divide_no_nan(around - union, around)


def _shared_side(first, second, axis):
    """Returns the length that boxes share along x (0) or y (1), without an axis for both."""
    low = ops.maximum(first[..., axis], second[..., axis])
    high = ops.minimum(first[..., axis + 2], second[..., axis + 2])
    return ops.maximum(high - low, 0)


def _area(boxes):
    sides = ops.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    return sides[..., 0] * sides[..., 1]
