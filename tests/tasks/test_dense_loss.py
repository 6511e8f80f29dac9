"""Which points learn which box, and what they lose, by cases made by hand."""

import keras
import numpy as np
import pytest
from gradients import gradients_of
from keras import ops

from keras_vit.tasks.dense_loss import DenseDetectionLoss, varifocal
from keras_vit.tasks.task_aligned import task_aligned

STRIDE = 8
MIDDLES = [(4, 4), (12, 4), (4, 12), (12, 12), (20, 4)]  # (x, y) of five points
DOUBT = -np.log(99)  # the logit of the probability 0.01


def answers(boxes, logits=None):
    """Makes what a detector of two classes would answer at the first points: `(1, A, 9)`."""
    rows = []
    for place, box in enumerate(boxes):
        x, y = MIDDLES[place]
        sides = np.array([x - box[0], y - box[1], box[2] - x, box[3] - y]) / STRIDE
        rows.append([x, y, STRIDE, *sides, *((0, 0) if logits is None else logits[place])])
    return np.array([rows], "float32")


def assigned(points, boxes, labels, **options):
    boxes = np.array(boxes, "float32").reshape(1, -1, 4)
    found = task_aligned(points, boxes, np.array([labels], "int32"), **options)
    return [ops.convert_to_numpy(part)[0] for part in found]


def target(*rows):
    return np.array([rows], "float32")


BIG, HALF, APART = (0, 0, 16, 16), (0, 0, 16, 8), (100, 100, 101, 101)
NOTHING = (0, 0, 0, 0, -1)


def test_points_inside_learn_a_box_as_their_alignment_says():
    points = answers([BIG, HALF, APART, (0, 0, 16, 12), BIG])  # the last point lies outside
    boxes, labels, quality, share = assigned(points, [BIG], [1])
    relative = np.array([1, 0.5**6, 0, 0.75**6, 0])
    np.testing.assert_array_equal(labels, [1, 1, 1, 1, -1])
    np.testing.assert_array_equal(boxes[:4], [BIG] * 4)
    np.testing.assert_allclose(quality, relative, atol=1e-6)  # the best has an IoU of 1
    np.testing.assert_allclose(share, relative / relative.sum(), atol=1e-6)


@pytest.mark.tensorflow
def test_a_surer_point_of_the_same_box_is_aligned_better():
    points = answers([HALF, HALF], [(9, 0), (9, np.log(3))])  # the class of the box is the second
    _, _, quality, share = assigned(points, [BIG], [1])
    np.testing.assert_allclose(quality, np.array([0.5 / 0.75, 1]) * 0.5, atol=1e-6)
    np.testing.assert_allclose(share, [0.4, 0.6], atol=1e-6)


@pytest.mark.tensorflow
def test_only_the_best_points_learn():
    points = answers([HALF, BIG, (0, 0, 16, 12), HALF])
    assert assigned(points, [BIG], [0], top=2)[1].tolist() == [-1, 0, 0, -1]


@pytest.mark.tensorflow
def test_the_quality_of_poor_points_is_their_iou_not_zero():
    """The sixth power of 1e-7 is zero in float32, and would end the learning of this box."""
    points = answers([(3, 3, 5, 5), (11, 3, 13, 5)])
    _, _, quality, share = assigned(points, [(0, 0, 4e4, 1e3)], [0])
    np.testing.assert_allclose(quality, [1e-7, 1e-7], rtol=1e-4)
    np.testing.assert_allclose(share, [0.5, 0.5])


def test_a_box_without_a_point_is_learned_by_the_nearest():
    points = answers([(0, 0, 8, 8), (8, 0, 16, 8)])
    _, labels, quality, share = assigned(points, [(5, 5, 7, 7)], [1])
    assert labels.tolist() == [1, -1] and share.tolist() == [1, 0]
    np.testing.assert_allclose(quality, [4 / 64, 0])


@pytest.mark.tensorflow
def test_a_point_of_several_boxes_learns_the_one_that_it_overlaps_most():
    points = answers([BIG, HALF, BIG, BIG])
    boxes, labels, _, share = assigned(points, [BIG, HALF], [0, 1])
    assert labels.tolist() == [0, 1, 0, 0]
    np.testing.assert_array_equal(boxes[:2], [BIG, HALF])
    np.testing.assert_allclose([share[1], share.sum()], [1, 2], atol=1e-6)


@pytest.mark.tensorflow
def test_of_two_equal_boxes_the_first_is_learned():
    _, labels, _, share = assigned(answers([BIG, HALF]), [BIG, BIG], [1, 0])
    assert labels.tolist() == [1, 1]
    np.testing.assert_allclose(share.sum(), 1, atol=1e-6)


@pytest.mark.tensorflow
def test_each_box_of_a_crowd_is_learned():
    """Nine boxes of 6x6 pixels that overlap, on one point and none: only one can have the point."""
    boxes = [(x, y, x + 6, y + 6) for x in (1, 2, 3) for y in (1, 2, 3)]
    _, labels, _, share = assigned(answers([(1, 2, 7, 8), BIG]), boxes, [0] * 9)
    assert labels.tolist() == [0, -1] and share.tolist() == [1, 0]


@pytest.mark.tensorflow
@pytest.mark.parametrize("places", [0, 1, 3])
def test_without_boxes_no_point_learns_one(places):
    points = answers([BIG, HALF])
    boxes, labels, quality, share = assigned(points, [(0, 0, 0, 0)] * places, [-1] * places)
    assert labels.tolist() == [-1, -1]
    assert not boxes.any() and not quality.any() and not share.any()


@pytest.mark.tensorflow
def test_a_box_without_area_is_no_box():
    assert assigned(answers([BIG]), [(4, 0, 4, 8), (9, 9, 1, 1)], [0, 1])[1].tolist() == [-1]


@pytest.mark.tensorflow
def test_a_box_that_reaches_out_of_the_picture_is_learned_whole():
    out = (-8, -8, 16, 16)
    boxes, labels, quality, _ = assigned(answers([out]), [out], [0])
    assert boxes.tolist() == [list(out)] and labels.tolist() == [0] and quality == [1]


def test_the_varifocal_loss_is_that_of_paper_and_pencil():
    targets, chances = np.array([0.8, 0, 0], "float32"), np.array([0.5, 0.5, 0.01])
    logits = np.log(chances / (1 - chances)).astype("float32")
    expected = [0.8 * np.log(2), 0.75 * 0.25 * np.log(2), 0.75 * 1e-4 * -np.log(0.99)]
    np.testing.assert_allclose(varifocal(targets, logits), expected, rtol=1e-5)


@pytest.mark.tensorflow
def test_the_loss_of_a_picture_is_counted_in_its_boxes():
    loss = DenseDetectionLoss(box_weight=2)
    points = answers([BIG, HALF], [(DOUBT, 0), (DOUBT, 0)])
    relative = np.array([1, 0.5**6])
    half = np.log(2)
    classes = (relative * half).sum() + 2 * 0.75 * 1e-4 * -np.log(0.99)
    boxes = 2 * (1 - 0.5) * relative[1] / relative.sum()
    (value,) = loss.values(target((*BIG, 1), NOTHING), points)
    np.testing.assert_allclose(value, classes + boxes, rtol=1e-5)

    none = 2 * 0.75 * (1e-4 * -np.log(0.99) + 0.25 * half)
    (value,) = loss.values(target(NOTHING, NOTHING), points)
    np.testing.assert_allclose(value, none, rtol=1e-5)
    targets = np.concatenate([target((*BIG, 1), (*HALF, 0)), target(NOTHING, NOTHING)])
    np.testing.assert_array_equal(loss.divisor(targets), [2, 1])


@pytest.mark.tensorflow
def test_a_batch_loses_the_same_however_it_is_split_and_padded():
    loss = DenseDetectionLoss()
    points = np.concatenate([answers([BIG, HALF]), answers([HALF, HALF]), answers([BIG, BIG])])
    targets = np.concatenate(
        [target((*BIG, 1), (*HALF, 0)), target((*HALF, 0), NOTHING), target(NOTHING, NOTHING)]
    )
    whole = float(loss(targets, points))
    wider = np.concatenate([target(NOTHING, NOTHING, NOTHING)] * 3)
    wider[:, [0, 2]] = targets
    np.testing.assert_allclose(loss(wider, points), whole, rtol=1e-6)
    parts = [float(loss(targets[i : i + 1], points[i : i + 1], count=4.0)) for i in range(3)]
    np.testing.assert_allclose(sum(parts), whole, rtol=1e-6)


def test_gradients_are_finite_and_pull_boxes_and_scores():
    loss = DenseDetectionLoss()
    points = keras.Variable(answers([HALF, APART, (4, 4, 4, 4)], [(-1, -1)] * 3))
    for rows in ([(*BIG, 1)], [NOTHING], [(*BIG, 0), (*BIG, 1), (3, 3, 3.5, 3.5, 1)]):
        targets = target(*rows)
        (gradient,) = gradients_of(lambda y=targets: loss(y, points), [points])
        assert np.isfinite(gradient).all()
        if len(rows) == 1:
            is_box = rows[0] != NOTHING
            assert (gradient[0, 0, 6] < 0) == is_box  # the lower side is pulled down
            assert (gradient[0, 0, 8] < 0) == is_box and gradient[0, 0, 7] > 0


def test_a_loss_is_made_again_from_its_configuration():
    loss = DenseDetectionLoss(box_weight=3.0, top=5)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert again.get_config() == loss.get_config() and (again.box_weight, again.top) == (3, 5)
