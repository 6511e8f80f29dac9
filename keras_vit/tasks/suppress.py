"""The surest boxes of a picture, without those that repeat a surer one."""

import keras
from keras import ops

from keras_vit.errors import UserError
from keras_vit.tasks.box_geometry import overlap
from keras_vit.tasks.detect import PLACE, SIDES, boxes_and_logits


@keras.saving.register_keras_serializable("keras_vit")
class SurestBoxes(keras.layers.Layer):
    """Turns the answers of a detector into its surest boxes; has no weights.

    Of the pairs of a point and a class with the highest scores, those that `survivors` keeps. Of
    operators that every format has, LiteRT's own as well, so that an export needs no code beside
    it.

    The output is a dictionary of `boxes` `(B, M, 4)`, `(x_min, y_min, x_max, y_max)` in pixels,
    inside of the image, `scores` `(B, M)`, the highest first, and `classes` `(B, M)`, int32. A
    place without a box has the class -1, the score 0 and zeros as its box.

    Args:
        image_size: Height and width of the images in pixels.
        max_boxes: How many boxes a picture is answered with at most, `M`.
        max_iou: IoU above which the less sure of two boxes of one class is left out.
        min_score: Score above which a box is one.
        candidates: How many pairs of the highest scores are compared with each other; about 13
            of them belong to one object. Time and memory grow with its square.

    Raises:
        ValueError: If a number is out of its range.
    """

    def __init__(
        self,
        image_size,
        *,
        max_boxes=100,
        max_iou=0.6,
        min_score=0.001,
        candidates=500,
        **kwargs,
    ):
        super().__init__(**kwargs)
        for name, value in (("max_boxes", max_boxes), ("candidates", candidates)):
            if value < 1:
                raise UserError(f"`{name}` must be at least 1: received {value}.")
        for name, value in (("max_iou", max_iou), ("min_score", min_score)):
            if not 0 <= value <= 1:
                raise UserError(f"`{name}` must lie in [0, 1]: received {value}.")
        self.image_size = tuple(image_size)
        self.max_boxes = max_boxes
        self.max_iou = max_iou
        self.min_score = min_score
        self.candidates = candidates

    def call(self, points):
        boxes, logits = boxes_and_logits(points)
        height, width = self.image_size
        edges = ops.convert_to_tensor([width, height, width, height], dtype=boxes.dtype)
        boxes = ops.minimum(ops.maximum(boxes, 0), edges)

        count, num_classes = logits.shape[1:]
        pairs = ops.reshape(ops.sigmoid(logits), (-1, count * num_classes))
        scores, places = ops.top_k(pairs, min(self.candidates, count * num_classes))
        classes = places % num_classes
        boxes = ops.take_along_axis(boxes, (places // num_classes)[..., None], axis=1)

        kept = survivors(boxes, classes, self.max_iou) & (scores > self.min_score)
        scores = ops.where(kept, scores, 0.0)
        scores, places = ops.top_k(scores, min(self.max_boxes, scores.shape[1]))
        is_box = scores > 0
        boxes = ops.take_along_axis(boxes, places[..., None], axis=1)
        classes = ops.take_along_axis(classes, places, axis=1)
        return {
            "boxes": ops.where(is_box[..., None], boxes, 0.0),
            "scores": scores,
            "classes": ops.where(is_box, ops.cast(classes, "int32"), -1),
        }

    def compute_output_spec(self, points):
        count = points.shape[1] * (points.shape[2] - PLACE - SIDES)
        count = min(self.max_boxes, self.candidates, count)
        return {
            "boxes": keras.KerasTensor((points.shape[0], count, 4), points.dtype),
            "scores": keras.KerasTensor((points.shape[0], count), points.dtype),
            "classes": keras.KerasTensor((points.shape[0], count), "int32"),
        }

    def get_config(self):
        return {
            **super().get_config(),
            "image_size": self.image_size,
            "max_boxes": self.max_boxes,
            "max_iou": self.max_iou,
            "min_score": self.min_score,
            "candidates": self.candidates,
        }


def survivors(boxes, classes, max_iou):
    """Says which boxes no surer box of their class overlaps that survives itself.

    This is greedy non-maximum suppression, of all boxes of all pictures at once: who survives is
    computed again from who survived, until nothing changes. After `n` rounds at least the first `n`
    boxes are right, so that it ends at the greedy answer, usually after a few rounds. "Enhancing
    Geometric Factors in Model Learning and Inference for Object Detection and Instance
    Segmentation" (arXiv:2005.03572), section 3.4, "Cluster-NMS".

    Args:
        boxes: `(B, C, 4)`, the surest first.
        classes: Integers `(B, C)`.
        max_iou: IoU above which the less sure box is left out.

    Returns:
        Booleans `(B, C)`.
    """
    count = boxes.shape[1]
    intersection, union = overlap(boxes[:, :, None], boxes[:, None])  # B C C
    is_earlier = ops.arange(count)[:, None] < ops.arange(count)
    rivals = (intersection > max_iou * union) & is_earlier
    rivals = rivals & ops.equal(classes[:, :, None], classes[:, None])

    def changes(kept, before):
        return ops.any(ops.not_equal(kept, before))

    def again(kept, before):
        return ops.logical_not(ops.any(kept[:, :, None] & rivals, axis=1)), kept

    everyone = ops.ones_like(classes, dtype="bool")
    kept, _ = ops.while_loop(changes, again, (everyone, ops.zeros_like(everyone)))
    return kept
