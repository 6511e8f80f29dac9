"""Which points of a dense detector learn which true box."""

from typing import NamedTuple

from keras import ops

from keras_vit.tasks.box_geometry import iou
from keras_vit.tasks.detect import PLACE, boxes_and_logits

# "TOOD" (arXiv:2108.07755), section 3.2.1 and 4.1: exponents of score and IoU, and points per box.
ALPHA, BETA, TOP = 1.0, 6.0, 13
LEAST_IOU = 1e-9  # whose logarithm is finite
NEVER = -1e30  # below every logarithm


class Assigned(NamedTuple):
    """What the points `(B, A)` of a detector shall learn.

    Attributes:
        boxes: The true box of each point `(B, A, 4)`, zeros where it has none.
        labels: The class of that box `(B, A)`, integers; -1 where it has none.
        quality: The score that a point shall give to this class `(B, A)`: for the point that is
            aligned best with a box the largest IoU of the box's points, for the others less.
        share: How much a point counts for its box `(B, A)`; the sum over the points of a box is 1.
    """

    boxes: object
    labels: object
    quality: object
    share: object


def task_aligned(points, boxes, labels, *, top=TOP):
    """Chooses the points that learn each true box, by what they answer now.

    "TOOD: Task-aligned One-stage Object Detection" (arXiv:2108.07755), equation 6: the alignment
    of a point with a box is `score**ALPHA * IoU**BETA`. Of the points inside of a box, or of the
    one nearest to it where none is inside, the `top` that are aligned best learn it (more where
    they are equal). A point that would learn several boxes learns the one that its own box overlaps
    most, of equal ones the first. Time and memory grow with `B * M * A`.

    Args:
        points: What `keras_vit.tasks.detector` answers, `(B, A, 7 + K)`.
        boxes: True boxes `(B, M, 4)`, `(x_min, y_min, x_max, y_max)` in pixels.
        labels: Their classes `(B, M)`, integers in `[0, K)`; a negative one marks
            what is not learned: a place without a box, or a box that is ignored.
        top: How many points learn a box.

    Returns:
        An `Assigned`, without gradients.
    """
    points = ops.stop_gradient(points)
    # A place without a box comes first: it is what a point learns that learns no other.
    boxes = ops.pad(boxes, [[0, 0], [1, 0], [0, 0]])
    labels = ops.pad(labels, [[0, 0], [1, 0]], constant_values=-1)
    is_box = is_learned(boxes, labels)[..., None]  # B M 1

    answered, logits = boxes_and_logits(points)
    overlaps = iou(boxes[:, :, None], answered[:, None])  # B M A
    scores = ops.transpose(ops.log_sigmoid(logits), (0, 2, 1))  # B K A
    scores = ops.take_along_axis(scores, ops.maximum(labels, 0)[..., None], axis=1)  # B M A
    # In logarithms, because the sixth power of a small overlap is no number of float32.
    aligned = ALPHA * scores + BETA * ops.log(ops.maximum(overlaps, LEAST_IOU))

    aligned_inside = ops.where(is_box & _near(points, boxes), aligned, NEVER)
    count = min(top, points.shape[1])
    least = ops.top_k(aligned_inside, count)[0][..., -1:]
    chosen = (aligned_inside >= least) & (aligned_inside > NEVER)

    owner = ops.argmax(ops.where(chosen, overlaps, -1.0), axis=1)  # B A; 0 where none is chosen
    owner = ops.cast(owner, "int32")
    owned = chosen & ops.equal(owner[:, None], ops.arange(boxes.shape[1], dtype="int32")[:, None])
    best = ops.max(ops.where(owned, aligned, NEVER), axis=2, keepdims=True)
    relative = ops.where(owned, ops.exp(ops.minimum(aligned - best, 0.0)), 0.0)
    best_iou = ops.max(ops.where(owned, overlaps, 0.0), axis=2, keepdims=True)
    share = ops.divide_no_nan(relative, ops.sum(relative, axis=2, keepdims=True))
    assigned = (
        ops.take_along_axis(boxes, owner[..., None], axis=1),
        ops.take_along_axis(labels, owner, axis=1),
        ops.sum(relative * best_iou, axis=1),
        ops.sum(share, axis=1),
    )
    return Assigned(*map(ops.stop_gradient, assigned))


def is_learned(boxes, labels):
    """Says which places hold a box: those with a class and an area.

    Args:
        boxes: `(B, M, 4)`.
        labels: `(B, M)`.

    Returns:
        Booleans `(B, M)`.
    """
    return (labels >= 0) & ops.all(boxes[..., 2:] > boxes[..., :2], axis=-1)


def _near(points, boxes):
    """Says which points lie inside of boxes, or nearest to one without any: `(B, M, A)`."""
    middle = points[:, None, :, : PLACE - 1]  # B 1 A 2
    low, high = boxes[:, :, None, :2], boxes[:, :, None, 2:]
    outside = ops.maximum(low - middle, middle - high)  # B M A 2, negative inside
    inside = ops.all(outside < 0, axis=-1)
    distances = ops.sum(ops.square(ops.maximum(outside, 0.0)), axis=-1)
    nearest = ops.equal(distances, ops.min(distances, axis=-1, keepdims=True))
    return inside | (nearest & ~ops.any(inside, axis=-1, keepdims=True))
