"""What the losses of detectors share: their targets, and what they are divided by."""

from keras import ops

from keras_vit.losses import WeightedLoss
from keras_vit.tasks.task_aligned import is_learned


class BoxLoss(WeightedLoss):
    """A loss for each true box of a batch; a picture without a box counts as one box.

    Targets are `(B, M, 5)`: boxes `(x_min, y_min, x_max, y_max)` in pixels and their class; a
    negative one marks what is not learned, as `keras_vit.data.packed_boxes` has it.
    """

    def divisor(self, y_true):
        count = ops.sum(ops.cast(is_learned(*boxes_and_labels(y_true)), "float32"), axis=1)
        return ops.maximum(count, 1.0)


def boxes_and_labels(targets):
    """Returns the boxes `(B, M, 4)` of targets `(B, M, 5)`, and their classes `(B, M)`."""
    targets = ops.convert_to_tensor(targets)
    return targets[..., :4], ops.cast(targets[..., 4], "int32")
