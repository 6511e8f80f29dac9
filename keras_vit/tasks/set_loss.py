"""The loss of a detector by tokens: a set of answers against a set of boxes."""

import keras
from keras import ops

from keras_vit.tasks.box_geometry import giou
from keras_vit.tasks.box_loss import BoxLoss, boxes_and_labels
from keras_vit.tasks.matching import match
from keras_vit.tasks.task_aligned import is_learned
from keras_vit.tasks.token_detect import corners, parts


@keras.saving.register_keras_serializable("keras_vit")
class SetPredictionLoss(BoxLoss):
    """Cross-entropy of the classes, L1 and GIoU loss of the boxes, for each true box of a batch.

    "End-to-End Object Detection with Transformers" (arXiv:2005.12872), equations 1 and 2, with the
    numbers of its implementation, which YOLOS (arXiv:2106.00666) took over. A true box is learned
    by the answer that `match` chooses, all other answers learn that nothing is there. The losses of
    the boxes are summed up and divided by the number of boxes of the batch. The cross-entropy of a
    picture is the mean over its answers, in which those without a box count `no_object`, and counts
    once for each of its boxes: it is that of the paper where all pictures have as many boxes. A
    picture without a box counts as one box. Answers of several depths are matched and count alike.

    Targets are `(B, M, 5)`: boxes `(x_min, y_min, x_max, y_max)` in pixels and their class; a
    negative one marks what is not learned, as `keras_vit.data.packed_boxes` has it. Outputs are
    those of `token_detector`.

    Args:
        no_object: What an answer without a box counts beside one with a box.
        l1_weight: How much the sum of the four differences of middle, width and height counts, as
            shares of the image, also in the choice of the answers.
        giou_weight: How much `1 - GIoU` counts, also in that choice.
        name: As `WeightedLoss` takes it.
        reduction: As `WeightedLoss` takes it.
        dtype: As `WeightedLoss` takes it.
    """

    supports_jit = False  # on TensorFlow; JAX has no choice

    def __init__(
        self,
        *,
        no_object=0.1,
        l1_weight=5.0,
        giou_weight=2.0,
        name="set_prediction",
        reduction="sum_over_batch_size",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.no_object = no_object
        self.l1_weight = l1_weight
        self.giou_weight = giou_weight

    def values(self, y_true, y_pred):
        size, answered, logits = parts(y_pred)  # B A Q ...
        true, labels = boxes_and_labels(y_true)  # B M ...
        is_box = is_learned(true, labels)
        size = size[:, 0, :1]  # B 1 2
        low, high = true[..., :2] / size, true[..., 2:] / size
        true = ops.concatenate([(low + high) / 2, high - low], axis=-1)

        classes = ops.one_hot(labels, logits.shape[-1], dtype=logits.dtype)  # B M K+1; -1: zeros
        chances = ops.einsum("baqk,bmk->baqm", ops.softmax(logits, axis=-1), classes)
        costs = self._of_boxes(answered[:, :, :, None], true[:, None, None]) - chances
        answer = match(costs, is_box)  # B A M
        is_matched = ops.cast(answer >= 0, logits.dtype)

        chosen = ops.one_hot(answer, logits.shape[2], dtype=logits.dtype)  # B A M Q; -1: zeros
        targets = ops.einsum("bamq,bmk->baqk", chosen, classes)
        nothing = 1 - ops.sum(targets, axis=-1)  # B A Q
        log_chances = ops.log_softmax(logits, axis=-1)
        of_classes = ops.sum(targets * log_chances, axis=-1)
        of_classes = -of_classes - self.no_object * nothing * log_chances[..., -1]
        counted = 1 - nothing + self.no_object * nothing
        of_classes = ops.sum(of_classes, axis=-1) / ops.sum(counted, axis=-1)  # B A

        own = ops.take_along_axis(answered, ops.maximum(answer, 0)[..., None], axis=2)  # B A M 4
        of_boxes = ops.sum(is_matched * self._of_boxes(own, true[:, None]), axis=-1)
        return ops.sum(of_classes * self.divisor(y_true)[:, None] + of_boxes, axis=1)

    def get_config(self):
        names = "no_object", "l1_weight", "giou_weight"
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    def _of_boxes(self, answered, true):
        """Returns what pairs of boxes lose, or cost, apart from their class."""
        l1 = ops.sum(ops.abs(answered - true), axis=-1)
        return self.l1_weight * l1 + self.giou_weight * (1 - giou(corners(answered), corners(true)))
