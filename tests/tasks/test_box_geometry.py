"""Overlaps of boxes, computed by hand."""

import keras
import numpy as np
import pytest
from gradients import gradients_of

from keras_vit.tasks.box_geometry import giou, iou, overlap


@pytest.mark.parametrize(
    "first, second, shares",
    [
        ((0, 0, 4, 2), (2, 1, 6, 3), (2 / 14, 2 / 14 - 4 / 18)),  # 8 + 8 - 2, in a box of 6x3
        ((1, 2, 3, 7), (1, 2, 3, 7), (1, 1)),
        ((0, 0, 4, 4), (1, 1, 3, 3), (1 / 4, 1 / 4)),  # one inside of the other
        ((0, 0, 1, 1), (3, 0, 4, 1), (0, -2 / 4)),  # apart
        ((0, 0, 1, 1), (1, 0, 2, 1), (0, 0)),  # touching: nothing lies between
        ((0, 0, 1, 1), (1, 1, 2, 2), (0, -2 / 4)),  # touching at a corner
        ((0, 0, 4, 4), (2, 2, 2, 2), (0, 0)),  # a point inside
        ((5, 5, 5, 5), (5, 5, 5, 5), (0, 0)),  # one point twice
        ((4, 4, 0, 0), (0, 0, 4, 4), (0, 0)),  # inverted corners have no area
    ],
)
def test_shares_are_those_of_paper_and_pencil(first, second, shares):
    pair = np.array([first], "float32"), np.array([second], "float32")
    for function, expected in zip((iou, giou), shares, strict=True):
        for boxes in (pair, pair[::-1]):
            np.testing.assert_allclose(function(*boxes), [expected], atol=1e-6)


def test_all_pairs_are_compared_by_broadcasting():
    first = np.array([[0, 0, 2, 2], [0, 0, 2, 4]], "float32")
    second = np.array([[0, 0, 2, 2], [0, 2, 2, 4], [1, 0, 3, 2]], "float32")
    intersection, union = overlap(first[:, None], second)
    np.testing.assert_array_equal(intersection, [[4, 0, 2], [4, 4, 2]])
    np.testing.assert_array_equal(union, [[4, 8, 6], [8, 8, 10]])
    assert giou(first[:, None], second).shape == (2, 3)


def test_boxes_apart_are_pulled_together_and_points_have_a_gradient():
    boxes = keras.Variable([[0.0, 0, 1, 1], [5, 5, 5, 5]])
    truth = np.array([[3, 0, 4, 1], [5, 5, 5, 5]], "float32")
    (gradient,) = gradients_of(lambda: keras.ops.sum(1 - giou(boxes, truth)), [boxes])
    assert np.isfinite(gradient).all()
    assert gradient[0, 2] < 0  # a step against it moves the right edge to the right
