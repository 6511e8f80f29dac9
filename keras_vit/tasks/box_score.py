"""Scores of detection, as COCO counts them: average precision over ten overlaps."""

import dataclasses
from collections.abc import Iterable, Mapping

import numpy as np

from keras_vit.errors import needs_extra
from keras_vit.tasks.box_lists import answered_boxes, true_boxes

SIZES = ("small", "medium", "large")  # areas up to 32^2, up to 96^2, and above


@dataclasses.dataclass(frozen=True)
class DetectionScore:
    """How well boxes were found, by `faster-coco-eval`, which repeats COCO's own evaluator.

    Attributes:
        precision: Precision at 10 overlaps, 0.50 to 0.95, and 101 recalls, 0 to 1, of each class,
            of boxes of any size and of each of `SIZES`, `(10, 101, K, 4)`; NaN where a class has no
            true box of the size.
        boxes: True boxes of each class `(K,)`, without ignored ones.
        pictures: How many pictures were scored.
    """

    precision: np.ndarray
    boxes: np.ndarray
    pictures: int

    @classmethod
    def of(cls, pairs: Iterable[tuple[Mapping, Mapping]], num_classes):
        """Scores the boxes of all pictures.

        Of each class, the 100 surest boxes of a picture count. Sizes are areas of boxes in the
        pixels that the boxes are given in; COCO's own figures take the areas of its masks.

        Args:
            pairs: For each picture what is true and what was answered, as
                `keras_vit.tasks.box_lists` reads them. What is found in an `ignored` box, such as
                one around a crowd, counts nowhere.
            num_classes: Number of classes `K`.

        Returns:
            A `DetectionScore`.

        Raises:
            ValueError: If `true_boxes` or `answered_boxes` refuses a box, or the extra `detect` is
                missing.
        """
        with needs_extra("detect"):
            from faster_coco_eval import COCO, COCOeval_faster
        true, found, count = [], [], 0
        for count, (truth, answers) in enumerate(pairs, 1):
            boxes, classes, ignored = true_boxes(truth, num_classes)
            true += _annotations(count, boxes, classes, iscrowd=ignored.astype(int))
            boxes, scores, classes = answered_boxes(answers, num_classes)
            found += _annotations(count, boxes, classes, score=scores)
        if not count:
            nothing = np.full((10, 101, num_classes, 1 + len(SIZES)), np.nan)
            return cls(nothing, np.zeros(num_classes, np.int64), 0)
        both = [_indexed(COCO, each, count, num_classes) for each in (true, found)]
        evaluator = COCOeval_faster(*both, iouType="bbox")
        evaluator.evaluate()
        evaluator.accumulate()
        precision = np.asarray(evaluator.eval["precision"], float)[..., -1]  # 100 detections
        counted = [each["category_id"] for each in true if not each["iscrowd"]]
        boxes = np.bincount(np.array(counted, np.int64), minlength=num_classes)
        return cls(np.where(precision < 0, np.nan, precision), boxes, count)

    @property
    def figures(self):
        """The figures of all classes together, by name; NaN where no class has a true box."""
        figures = {
            "mAP": _mean(self.precision[..., 0]),
            "mAP50": _mean(self.precision[0, ..., 0]),
            "mAP75": _mean(self.precision[5, ..., 0]),
        }
        sizes = enumerate(SIZES, 1)
        return figures | {f"mAP_{name}": _mean(self.precision[..., at]) for at, name in sizes}

    @property
    def ap(self):
        """Average precision of each class `(K,)`, NaN for a class without a true box."""
        return self.precision[..., 0].mean(axis=(0, 1))

    @property
    def ap50(self):
        """Average precision of each class at an overlap of 0.5 `(K,)`."""
        return self.precision[0, ..., 0].mean(axis=0)


def _annotations(picture, boxes, classes, **more):
    """Lists boxes as COCO has them: `(x, y, width, height)` and the area."""
    sides = boxes[:, 2:] - boxes[:, :2]
    rows = np.concatenate([boxes[:, :2], sides], axis=1).tolist()
    more = {name: values.tolist() for name, values in more.items()}
    return [
        {
            "image_id": picture,
            "category_id": int(classes[index]),
            "bbox": row,
            "area": row[2] * row[3],
            "iscrowd": 0,
            **{name: values[index] for name, values in more.items()},
        }
        for index, row in enumerate(rows)
    ]


def _indexed(kind, annotations, count, num_classes):
    """Returns annotations as the library reads them; their numbers start at 1, for 0 is no box."""
    data = kind()
    data.dataset = {
        "images": [{"id": number} for number in range(1, count + 1)],
        "categories": [{"id": number} for number in range(num_classes)],
        "annotations": [{"id": number, **each} for number, each in enumerate(annotations, 1)],
    }
    data.createIndex()
    return data


def _mean(values):
    """Returns the mean of the numbers that are known; NaN if none is."""
    known = ~np.isnan(values)
    return float(values[known].mean()) if known.any() else float("nan")
