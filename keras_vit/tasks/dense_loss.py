"""The loss of a dense detector."""

import keras
from keras import ops

from keras_vit.tasks.box_geometry import giou
from keras_vit.tasks.box_loss import BoxLoss, boxes_and_labels
from keras_vit.tasks.detect import boxes_and_logits
from keras_vit.tasks.task_aligned import TOP, task_aligned

ALPHA, GAMMA = 0.75, 2.0  # "VarifocalNet" (arXiv:2008.13367), section 3.2


@keras.saving.register_keras_serializable("keras_vit")
class DenseDetectionLoss(BoxLoss):
    """Varifocal loss of the classes and GIoU loss of the boxes, for each true box of a batch.

    The points of a box are chosen by `keras_vit.tasks.task_aligned`. The varifocal loss of all
    points and the GIoU loss of those with a box, whose mean over the points of a box counts
    `box_weight`, are summed up and divided by the number of boxes. A picture without a box counts
    as one box, so that what is not there is learned too.

    Targets are `(B, M, 5)`: boxes `(x_min, y_min, x_max, y_max)` in pixels and their class; a
    negative one marks what is not learned, as `keras_vit.data.packed_boxes` has it. Outputs are
    those of `keras_vit.tasks.detector`.

    Args:
        box_weight: How much the box counts beside the classes.
        top: How many points learn a box.
        name: As `WeightedLoss` takes it.
        reduction: As `WeightedLoss` takes it.
        dtype: As `WeightedLoss` takes it.
    """

    def __init__(
        self,
        *,
        box_weight=5.0,
        top=TOP,
        name="dense_detection",
        reduction="sum_over_batch_size",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.box_weight = box_weight
        self.top = top

    def values(self, y_true, y_pred):
        assigned = task_aligned(y_pred, *boxes_and_labels(y_true), top=self.top)
        boxes, logits = boxes_and_logits(y_pred)
        classes = ops.one_hot(assigned.labels, logits.shape[-1], dtype=logits.dtype)  # -1: zeros
        of_classes = varifocal(assigned.quality[..., None] * classes, logits)
        of_boxes = assigned.share * (1 - giou(assigned.boxes, boxes))
        return ops.sum(of_classes, axis=(1, 2)) + self.box_weight * ops.sum(of_boxes, axis=1)

    def get_config(self):
        return {**super().get_config(), "box_weight": self.box_weight, "top": self.top}


def varifocal(targets, logits):
    """Computes the varifocal loss of each logit.

    "VarifocalNet" (arXiv:2008.13367), equation 2: cross-entropy which counts as much as the target
    where there is one, and elsewhere less the less the model is wrong.

    Args:
        targets: The scores to answer with, 0 to 1, `(...)`; 0 where a class is not there.
        logits: `(...)`.

    Returns:
        Numbers `(...)`.
    """
    cross_entropy = ops.softplus(logits) - targets * logits
    elsewhere = ALPHA * ops.power(ops.sigmoid(logits), GAMMA)
    return ops.where(targets > 0, targets, elsewhere) * cross_entropy
