"""What the check of a source says of boxes, and of masks whose classes have names."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from keras_vit.data import Source, Split
from keras_vit.data.check import check_source
from keras_vit.data.fit import wrong_boxes, wrong_mask

RNG = np.random.default_rng(0)
NAMES = "ape", "zebra"


def split_of(**arrays):
    """A split of two pictures of 8x10 pixels, in memory."""
    arrays["image"] = RNG.integers(0, 256, (2, 8, 10, 3)).astype("uint8")
    tensors = {name: tf.constant(values) for name, values in arrays.items()}
    return Split(2, lambda i: {k: tf.gather(v, i) for k, v in tensors.items()}, (8, 10, 3))


def boxes(corners, labels):
    return split_of(boxes=np.array(corners, "float32"), box_labels=np.array(labels))


def check(train, **more):
    report = check_source(Source("x", NAMES, {"train": train, **more}))
    json.dumps(dataclasses.asdict(report), allow_nan=False)
    return report


GOOD = [[0, 0, 10, 8], [1, 2, 3, 4]]
NONE = [0, 0, 0, 0]


def test_boxes_are_counted_and_good_ones_are_good():
    report = check(
        boxes([GOOD, [GOOD[0], NONE]], [[0, 1], [0, -1]]), test=boxes([[NONE]] * 2, [[-1]] * 2)
    )
    assert report.is_good and not report.strange_labels
    train, test = report.splits["train"], report.splits["test"]
    assert (train["boxes"], test["boxes"]) == (3, 0)
    assert train["per_class"] == {"min": 1, "median": 1.5, "max": 2} and train["imbalance"] == 2
    assert train["missing"] == [] and test["missing"] == ["ape", "zebra"]


def test_ignored_boxes_are_counted_and_are_no_examples_of_a_class():
    report = check(boxes([GOOD] * 2, [[0, -3], [0, 1]]))
    train = report.splits["train"]
    assert (train["boxes"], train["ignored_boxes"]) == (4, 1) and report.is_good
    assert check(boxes([GOOD] * 2, [[0, -3]] * 2)).absent == ["zebra"]
    report = check(boxes([GOOD, [[3, 3, 3, 5], GOOD[1]]], [[0, 1], [-2, -4]]))
    assert [x["reason"] for x in report.bad_boxes] == [
        "Boxes without area: 1 of 2 (3, 3 to 3, 5). Classes must lie in [0, 2): received 2."
    ]


def test_boxes_outside_without_area_and_of_no_class_are_listed():
    bad = [[GOOD[0], [-1, 0, 10, 9]], [[3, 3, 3, 5], [0, 1, 10.5, 8]]]
    report = check(boxes(bad, [[0, 1], [1, 2]]))
    assert [x["reason"] for x in report.bad_boxes] == [
        "Boxes that reach outside of the picture of 10x8 pixels: 1 of 2 (-1, 0 to 10, 9).",
        "Boxes that reach outside of the picture of 10x8 pixels: 1 of 2 (0, 1 to 10.5, 8). "
        "Boxes without area: 1 of 2 (3, 3 to 3, 5). Classes must lie in [0, 2): received 2.",
    ]
    assert [x["path"] for x in report.bad_boxes] == ["record 0", "record 1"]
    assert not report.is_good and not report.bad_masks


def test_a_class_without_a_training_box_is_wrong():
    report = check(boxes([GOOD] * 2, [[1, 1]] * 2))
    assert report.absent == ["ape"] and not report.is_good


def test_ids_of_masks_without_a_name_are_listed_and_void_is_none():
    mask = np.zeros((2, 8, 10), "uint8")
    mask[:, :4], mask[:, 0] = 1, 255
    assert check(split_of(mask=mask)).is_good
    mask[1, 0], mask[1, 7] = 7, 11
    report = check(split_of(mask=mask))
    assert [x["reason"] for x in report.bad_masks] == [
        "Classes must lie in [0, 2): received 7, 11."
    ]
    assert report.splits["train"]["per_class"] == {"min": 2, "median": 2, "max": 2}
    unnamed = check_source(Source("x", (), {"train": split_of(mask=mask)}))
    assert unnamed.is_good and unnamed.splits["train"]["mask_classes"] == [0, 1, 7, 11, 255]
    report = check(split_of(mask=np.zeros((2, 8, 10), "uint8")))
    assert report.absent == ["zebra"] and not report.is_good


def test_where_pictures_have_labels_the_names_are_theirs():
    mask = np.full((2, 8, 10), 7, "uint8")
    report = check(split_of(label=np.array([0, 1]), mask=mask))
    assert report.is_good and report.splits["train"]["mask_classes"] == [7]
    report = check(split_of(label=np.array([0, 2])))
    assert [x["label"] for x in report.strange_labels] == [2]


@pytest.mark.parametrize("box", [(2, 2, 5, 1), (5, 2, 2, 6), (2, 2, 2, 2)])
def test_a_box_whose_edges_are_swapped_has_no_area(box):
    assert wrong_boxes(np.array([box]), (8, 10)).startswith("Boxes without area: 1 of 1 (")


def test_what_fits_has_no_sentence():
    assert wrong_boxes(np.zeros((0, 4)), (8, 10)) is None
    assert wrong_mask(np.zeros((8, 10)), (8, 10)) is None
