"""Intersection over union, by hand and beside scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from keras_vit.tasks.mask_score import SegmentationScore


def test_a_case_by_hand():
    true = np.array([[0, 0, 1], [1, 2, 9]])
    predicted = np.array([[0, 1, 1], [1, 0, 2]])  # the last one is void
    score = SegmentationScore.of([(true, predicted)], 3, void=9)
    assert score.confusion.tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 0]]
    np.testing.assert_allclose(score.iou, [1 / 3, 2 / 3, 0])
    assert score.mean_iou == pytest.approx(1 / 3)
    assert score.pixel_accuracy == 3 / 5
    np.testing.assert_allclose(score.class_accuracy, [1 / 2, 1, 0])


def test_it_counts_as_scikit_learn_over_all_pictures():
    rng = np.random.default_rng(0)
    masks = [rng.integers(0, 12, (2, 30, 40)).astype("uint8") for _ in range(4)]
    masks = [(true, np.minimum(predicted, 10)) for true, predicted in masks]
    score = SegmentationScore.of(iter(masks), 11, void=11)
    true, predicted = (np.concatenate([pair[i].ravel() for pair in masks]) for i in (0, 1))
    expected = confusion_matrix(true[true != 11], predicted[true != 11], labels=range(11))
    np.testing.assert_array_equal(score.confusion, expected)


def test_a_class_that_never_occurs_is_not_averaged():
    score = SegmentationScore.of([(np.array([0, 1]), np.array([0, 0]))], 3)
    np.testing.assert_array_equal(score.iou, [1 / 2, 0, np.nan])
    assert score.mean_iou == 1 / 4
    nothing = SegmentationScore.of([(np.array([7]), np.array([0]))], 3, void=7)
    assert np.isnan(nothing.mean_iou) and np.isnan(nothing.pixel_accuracy)


@pytest.mark.parametrize(
    "true, predicted, message",
    [
        ([0, 1], [0], r"has the shape of the true one, \(2,\): received \(1,\)"),
        ([3], [0], r"Labels must lie in \[0, 3\): received 3"),
        ([-1], [0], r"Labels must lie in \[0, 3\): received -1"),
        ([0], [7], r"Labels must lie in \[0, 3\): received 7"),
    ],
)
def test_what_cannot_be_counted_is_a_sentence(true, predicted, message):
    with pytest.raises(ValueError, match=message):
        SegmentationScore.of([(np.array(true), np.array(predicted))], 3, void=9)
