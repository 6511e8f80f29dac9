"""Sets of answers and boxes, matched and compared by definition, and in `fit`."""

import itertools

import keras
import numpy as np
import pytest
from gradients import gradients_of
from keras import ops

from keras_vit.tasks.matching import match
from keras_vit.tasks.set_loss import SetPredictionLoss

WIDTH, HEIGHT, CLASSES = 40, 20, 3
NOTHING = (0, 0, 0, 0, -1)


def matched(costs, is_box=None):
    costs = np.array(costs, "float32")[None, None]
    is_box = np.ones((1, costs.shape[3]), bool) if is_box is None else np.array([is_box])
    return ops.convert_to_numpy(match(costs, is_box))[0, 0].tolist()


def test_the_sum_of_the_costs_is_the_lowest_not_each_cost():
    # The first box would rather have the first answer, but the second has no other.
    assert matched([[0, 1], [1, 100]]) == [1, 0]


def test_places_without_a_box_have_no_answer():
    assert matched([[0, 5], [1, 9]], [False, True]) == [-1, 0]
    assert matched([[0, 5], [1, 9]], [False, False]) == [-1, -1]
    assert matched(np.zeros((2, 0))) == []


def test_of_more_boxes_than_answers_the_dearest_have_none():
    assert matched([[3, 1, 2]]) == [-1, 0, -1]


def test_costs_that_are_not_finite_stop_nothing():
    assert matched([[np.nan, 1], [2, np.inf]]) == [1, 0]


def answers(rng, pictures=1, depths=1, count=4):
    """Draws what `token_detector` would answer."""
    size = np.broadcast_to([WIDTH, HEIGHT], (pictures, depths, count, 2))
    boxes = rng.uniform(0.1, 0.9, (pictures, depths, count, 4))
    logits = rng.normal(size=(pictures, depths, count, CLASSES + 1))
    return np.concatenate([size, boxes, logits], axis=-1).astype("float32")


def target(*rows):
    return np.array([rows], "float32")


def giou(first, second):
    low, high = np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])
    both = np.prod(np.maximum(high - low, 0))
    union = sum(np.prod(box[2:] - box[:2]) for box in (first, second)) - both
    around = np.prod(np.maximum(first[2:], second[2:]) - np.minimum(first[:2], second[:2]))
    return both / union - (around - union) / around


def by_definition(rows, answered, no_object=0.1):
    """The loss of DETR of one picture, by trying every assignment."""
    rows = [row for row in rows if row[4] >= 0]
    size = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])
    boxes, logits = answered[:, 2:6].astype(float), answered[:, 6:].astype(float)
    chances = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)

    def of_box(answer, row):
        low, high = np.array(row[:2]) / size[:2], np.array(row[2:4]) / size[:2]
        own = np.concatenate([boxes[answer, :2] - boxes[answer, 2:] / 2] * 2)
        own[2:] += boxes[answer, 2:]
        l1 = np.abs(boxes[answer] - np.concatenate([(low + high) / 2, high - low])).sum()
        return 5 * l1 + 2 * (1 - giou(own, np.concatenate([low, high])))

    def cost(order):
        pairs = zip(order, rows, strict=True)
        return sum(of_box(answer, row) - chances[answer, int(row[4])] for answer, row in pairs)

    best = min(itertools.permutations(range(len(boxes)), len(rows)), key=cost)
    classes, weights = np.full(len(boxes), CLASSES), np.full(len(boxes), no_object)
    for answer, row in zip(best, rows, strict=True):
        classes[answer], weights[answer] = int(row[4]), 1
    entropy = -np.log(chances[np.arange(len(boxes)), classes])
    loss = (weights * entropy).sum() / weights.sum()
    pairs = zip(best, rows, strict=True)
    return loss + sum(of_box(answer, row) for answer, row in pairs) / max(1, len(rows))


ROWS = [(4, 2, 20, 18, 1), (10, 5, 39, 15, 0), (0, 0, 8, 9, 1)]


@pytest.mark.tensorflow
@pytest.mark.parametrize("count", range(4))
def test_the_loss_of_a_picture_is_that_of_the_paper(count):
    answered = answers(np.random.default_rng(count))
    rows = ROWS[:count]
    nothing = [NOTHING] * (4 - count)
    loss = SetPredictionLoss()(target(*rows, *nothing), answered)
    np.testing.assert_allclose(loss, by_definition(rows, answered[0, 0]), rtol=1e-5)


def test_a_case_by_hand():
    # One answer is right about the box, but halves between its class and nothing; the other is sure
    # of nothing. The loss is ln 2, which counts 1 of 1.1, and nothing else.
    right = [WIDTH, HEIGHT, 0.5, 0.5, 0.5, 0.5, 0, -99, -99, 0]
    away = [WIDTH, HEIGHT, 0.1, 0.1, 0.1, 0.1, -99, -99, -99, 0]
    truth = target((10, 5, 30, 15, 0))
    value = SetPredictionLoss()(truth, np.array([[[away, right]]], "float32"))
    np.testing.assert_allclose(value, np.log(2) / 1.1, rtol=1e-5)
    # The same box, 0.25 wider to the right: an L1 of 0.125 + 0.25, and an IoU and GIoU of 2/3.
    right[2], right[4] = 0.625, 0.75
    value = SetPredictionLoss()(truth, np.array([[[away, right]]], "float32"))
    expected = np.log(2) / 1.1 + 5 * 0.375 + 2 / 3
    np.testing.assert_allclose(value, expected, rtol=1e-5)


@pytest.mark.tensorflow
def test_depths_are_matched_apart_and_count_alike():
    answered = answers(np.random.default_rng(0), depths=3)
    loss = SetPredictionLoss(no_object=0.3)
    expected = sum(by_definition(ROWS, each, no_object=0.3) for each in answered[0])
    np.testing.assert_allclose(loss(target(*ROWS), answered), expected, rtol=1e-5)


@pytest.mark.tensorflow
def test_a_batch_loses_the_same_however_it_is_split_ordered_and_padded():
    rng = np.random.default_rng(0)
    answered, loss = answers(rng, pictures=3), SetPredictionLoss()
    targets = np.concatenate(
        [target(*ROWS), target(ROWS[1], NOTHING, NOTHING), target(NOTHING, NOTHING, NOTHING)]
    )
    whole = float(loss(targets, answered))
    np.testing.assert_array_equal(loss.divisor(targets), [3, 1, 1])
    parts = [float(loss(targets[i : i + 1], answered[i : i + 1], count=5.0)) for i in range(3)]
    np.testing.assert_allclose(sum(parts), whole, rtol=1e-6)
    wider = np.concatenate([target(*[NOTHING] * 5)] * 3)
    wider[:, [4, 0, 2]] = targets
    shuffled = answered[:, :, rng.permutation(4)]
    np.testing.assert_allclose(loss(wider, shuffled), whole, rtol=1e-5)


def test_gradients_pull_the_matched_answer_to_the_box_and_are_finite_without_any():
    answered = keras.Variable(answers(np.random.default_rng(0)))
    loss = SetPredictionLoss()
    for rows in ((NOTHING,), (ROWS[0],), ((3, 3, 3, 9, 1),)):  # the last has no area
        targets = target(*rows)
        (gradient,) = gradients_of(lambda y=targets: loss(y, answered), [answered])
        gradient = ops.convert_to_numpy(gradient)
        assert np.isfinite(gradient).all() and gradient[..., 6:].any()
        assert (gradient[0, 0, :, 2:6].any(axis=-1)).sum() == (rows == (ROWS[0],))


def test_a_loss_is_made_again_from_its_configuration():
    loss = SetPredictionLoss(no_object=0.2, l1_weight=1.0, giou_weight=3.0)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert again.get_config() == loss.get_config()
    assert (again.no_object, again.l1_weight, again.giou_weight) == (0.2, 1, 3)
