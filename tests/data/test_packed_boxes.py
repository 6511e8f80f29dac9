"""Boxes and their classes as one tensor, with what lies outside of the image left out."""

import numpy as np
import pytest
import tensorflow as tf

from keras_vit.data.labels import explain_labels
from keras_vit.data.packed_boxes import packed_boxes

NOTHING = [0, 0, 0, 0, -1]


def sample(boxes, labels):
    boxes = np.array([boxes], "float32").reshape(1, -1, 4)
    return {
        "image": np.zeros((1, 8, 16, 3), "uint8"),
        "boxes": boxes,
        "box_labels": np.array([labels], "int64"),
    }


def test_boxes_are_cropped_to_the_image():
    boxes = [
        (1, 2, 3, 4),
        (-5, -5, 20, 20),
        (16, 0, 20, 8),  # beside the image
        (5, 5, 5, 8),  # without area
        (7, 7, 3, 3),  # inverted
        (0, 0, 0, 0),
    ]
    batch = sample(boxes, [1, 0, 1, 0, 1, -1])
    (packed,) = tf.data.Dataset.from_tensors(batch).map(lambda x: packed_boxes(x, 2))
    expected = [[1, 2, 3, 4, 1], [0, 0, 16, 8, 0], NOTHING, NOTHING, NOTHING, NOTHING]
    np.testing.assert_array_equal(packed, [expected])


def test_boxes_that_are_ignored_keep_their_label():
    boxes = [(1, 2, 3, 4), (-5, 0, 9, 8), (5, 5, 5, 8)]
    packed = packed_boxes(sample(boxes, [-3, -2, -2]), 2)
    np.testing.assert_array_equal(packed, [[[1, 2, 3, 4, -3], [0, 0, 9, 8, -2], NOTHING]])
    with pytest.raises(tf.errors.InvalidArgumentError, match="received"):
        packed_boxes(sample([(0, 0, 1, 1)], [-4]), 2)


def test_a_batch_may_have_no_place_for_boxes():
    assert packed_boxes(sample([], []), 2).shape == (1, 0, 5)


def test_a_class_that_there_is_not_is_a_sentence():
    with explain_labels(), pytest.raises(tf.errors.InvalidArgumentError, match="received"):
        packed_boxes(sample([(0, 0, 1, 1)], [2]), 2)
    with pytest.raises(ValueError, match="must have boxes and their labels: received .* image"):
        packed_boxes({"image": np.zeros((1, 8, 8, 3))}, 2)
