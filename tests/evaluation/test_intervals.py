"""Confidence intervals: against tables, and how often they hold the truth."""

import numpy as np
import pytest

from keras_vit.evaluation.intervals import bootstrap, intervals, wilson
from keras_vit.tasks import Result, classification, segmentation


@pytest.mark.parametrize(
    "hits, count, low, high",
    [  # R 4.3: prop.test(hits, count, correct = FALSE)
        (15, 20, 0.5313, 0.8881),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (140, 153, 0.8600, 0.9497),
    ],
)
def test_wilson_is_that_of_the_tables(hits, count, low, high):
    found = wilson(hits, count)
    assert found[:2] == pytest.approx((low, high), abs=5e-4) and found.method == "Wilson"
    assert 0 <= found.low <= hits / count <= found.high <= 1


@pytest.mark.parametrize("hits, count", [(1, 0), (3, 2), (-1, 2)])
def test_a_share_of_nothing_is_refused(hits, count):
    with pytest.raises(ValueError, match="hits"):
        wilson(hits, count)


def test_the_bootstrap_of_a_mean_is_as_wide_as_theory_says():
    values = np.random.default_rng(1).normal(size=400)
    found = bootstrap(lambda counts: {"mean": counts @ values / 400}, 400)["mean"]
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    of_each = Result({"error": -values.mean()}, 400, each=values)
    low, high, method = intervals(of_each)["error"]
    assert (-high, -low) == pytest.approx(found[:2]) and method == "bootstrap"
    assert bootstrap(lambda counts: {"nothing": np.full(len(counts), np.nan)}, 5) == {}


def test_figures_of_a_classifier_are_shares_and_a_calibration_without_interval():
    labels = np.array([0, 1, 2, 0])
    probabilities = np.full((4, 3), 0.1) + 0.7 * np.eye(3)[[0, 1, 2, 1]]
    result = classification(("a", "b", "c")).score([({"probabilities": probabilities}, labels)])
    found = intervals(result)
    assert found["accuracy"] == wilson(3, 4) and "calibration_error" not in found
    np.testing.assert_array_equal(result.hits["accuracy"], [True, True, True, False])
    np.testing.assert_array_equal(result.confusion, [[0, 0, 1], [0, 1, 1], [1, 1, 1], [2, 2, 1]])
    np.testing.assert_allclose(result.confidence, 0.8)
    np.testing.assert_allclose(result.each, [0.8, 0.8, 0.8, 0.1])


def test_figures_of_masks_are_computed_again_for_a_choice_of_pictures():
    rng = np.random.default_rng(0)
    task = segmentation(("road", "sky", "tree"), void=255)
    truth = rng.integers(0, 3, (6, 4, 5))
    truth[:, 0] = 255
    answers = np.where(rng.random(truth.shape) < 0.7, truth % 255, 1)
    result = task.score([({"mask": answers}, truth)])
    assert result.confusion[:, 2].sum() == 6 * 3 * 5
    picked = np.array([2, 2, 5])
    sets = result.figures_of(np.array([[1] * 6, [0, 0, 2, 0, 0, 1]]))
    assert {name: values[0] for name, values in sets.items()} == pytest.approx(result.figures)
    chosen = task.score([({"mask": answers[picked]}, truth[picked])])
    assert {name: values[1] for name, values in sets.items()} == pytest.approx(chosen.figures)
    assert {each.method for each in intervals(result).values()} == {"bootstrap"}


def test_a_result_of_only_figures_has_no_interval():
    assert intervals(Result({"error": 1.0}, count=3)) == {}
