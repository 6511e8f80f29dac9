"""Which losses count: those that chance would hardly give."""

import dataclasses
import functools

import numpy as np
import pytest

from keras_vit.evaluation import can_be_significant, chance_of_loss
from keras_vit.tasks import Result, classification, segmentation

TASK = classification(["a", "b"])


def answered(lost, won, both=100):
    """Results of two models: `both` right, and those that only one of them answers rightly."""
    model = np.array([True] * both + [True] * lost + [False] * won)
    export = np.array([True] * both + [False] * lost + [True] * won)
    return [Result({"accuracy": x.mean()}, len(x), hits={"accuracy": x}) for x in (export, model)]


@pytest.mark.parametrize(
    "lost, won, probability",
    [(0, 0, 1), (1, 0, 1 / 2), (4, 0, 1 / 16), (5, 0, 1 / 32), (5, 1, 7 / 64), (0, 9, 1)],
)
def test_pictures_that_one_of_two_answers_rightly_are_tosses_of_a_coin(lost, won, probability):
    chance = chance_of_loss(TASK, *answered(lost, won))
    assert chance.probability == pytest.approx(probability) and "McNemar" in chance.test


def test_five_pictures_are_the_fewest():
    assert [can_be_significant(count) for count in (1, 4, 5, 153)] == [False, False, True, True]


def scored(task, masks, truth):
    return task.score([({"mask": masks}, truth)])


def test_mean_iou_is_resampled_over_pictures():
    task = segmentation(["a", "b", "c"], void=255)
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, (20, 4, 4))
    truth[0, 0, 0] = 255
    model, worse, one = truth.copy(), truth.copy(), truth.copy()
    model[truth == 255] = worse[truth == 255] = one[truth == 255] = 0
    worse[:, 1] = 2
    one[7, 1] = 2
    results = [scored(task, masks, truth) for masks in (worse, one, model)]
    counts = rng.multinomial(20, [1 / 20] * 20, size=3)
    for result, masks in zip(results, (worse, one, model), strict=True):
        assert result.figures_of(np.ones((1, 20), int))["mean_iou"] == pytest.approx(
            result.headline[1]
        )
        for headline, count in zip(result.figures_of(counts)["mean_iou"], counts, strict=True):
            drawn = np.repeat(np.arange(20), count)
            expected = scored(task, masks[drawn], truth[drawn]).headline[1]
            assert headline == pytest.approx(expected)
    assert chance_of_loss(task, results[0], results[2]).probability < 0.01
    assert chance_of_loss(task, results[1], results[2]).probability > 0.05  # one picture of 20
    assert chance_of_loss(task, results[2], results[2]).probability == 1


@pytest.mark.parametrize("shift, low, high", [(-0.5, 0, 0.01), (0.0, 0.05, 1), (0.5, 0.99, 1)])
def test_values_of_each_picture_do_where_the_headline_is_not_known(shift, low, high):
    rng = np.random.default_rng(0)
    each = rng.normal(size=200)
    other = each + shift + rng.normal(size=200, scale=0.2)
    results = [Result({"error": -x.mean()}, 200, each=x) for x in (other, each)]
    assert low < chance_of_loss(TASK, *results).probability <= high
    few = [Result({"error": 0.0}, 4, each=x[:4]) for x in (other, each)]
    assert chance_of_loss(TASK, *few).probability == 1


def test_a_figure_of_the_whole_set_only_cannot_be_tested():
    results = [Result({"fid": value}, 100) for value in (2.0, 1.0)]
    assert chance_of_loss(TASK, *results) is None


def test_a_lower_headline_may_be_better():
    task = dataclasses.replace(TASK, higher_is_better=False)
    errors = np.linspace(1, 2, 50)

    def mean(errors, counts):
        return {"error": counts @ errors / counts.sum(-1)}

    results = [
        Result({"error": x.mean()}, 50, figures_of=functools.partial(mean, x))
        for x in (errors + 0.1, errors)
    ]
    assert chance_of_loss(task, *results).probability < 0.01
    assert chance_of_loss(task, *results[::-1]).probability > 0.99
