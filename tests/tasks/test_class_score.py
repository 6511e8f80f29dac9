"""Figures of a classifier on labelled images, by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import precision_score, recall_score, top_k_accuracy_score

from keras_vit.evaluation import score
from keras_vit.tasks import classification
from keras_vit.tasks.class_names import match_classes, told_apart
from keras_vit.tasks.class_score import Score

TASK = classification("abcde")


@pytest.fixture
def answers():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(5), size=60)
    labels = np.where(rng.random(60) < 0.5, probabilities.argmax(1), rng.integers(0, 4, 60))
    return labels, probabilities


def run(labels, probabilities, size=16):
    """Scores batches, as a whole."""
    parts = range(0, len(labels), size)
    return Score.joined(
        [Score.of(labels[i : i + size], probabilities[i : i + size]) for i in parts]
    )


def scored(labels, probabilities, size=16):
    """Answers as if the images were their own places."""
    places = np.arange(len(labels)).reshape(-1, 1, 1, 1)
    parts = range(0, len(labels), size)
    batches = [(places[i : i + size], labels[i : i + size]) for i in parts]
    return score(TASK, lambda x: {"probabilities": probabilities[x[:, 0, 0, 0]]}, batches)


def test_the_task_s_figures_are_those_of_the_score(answers):
    result, expected = scored(*answers).result, run(*answers)
    assert result.headline == ("accuracy", expected.top(1))
    assert result.count == 60
    assert result.figures["calibration_error"] == expected.calibration_error()
    images, recall, precision = expected.per_class()
    for name, theirs in dict(recall=recall, precision=precision, images=images).items():
        np.testing.assert_array_equal(result.per_class[name], theirs)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_top_k_is_scikit_learns(answers, k):
    labels, probabilities = answers
    expected = top_k_accuracy_score(labels, probabilities, k=k, labels=range(5))
    assert run(*answers).top(k) == pytest.approx(expected)
    assert run(*answers).top(5) == run(*answers).top(9) == 1


def test_recall_and_precision_are_scikit_learns(answers):
    result = run(*answers)
    images, recall, precision = result.per_class()
    arguments = dict(labels=range(5), average=None, zero_division=np.nan)
    assert images.sum() == 60 and images[4] == (answers[0] == 4).sum()
    for actual, expected in ((recall, recall_score), (precision, precision_score)):
        theirs = expected(result.labels, result.predictions, **arguments)
        np.testing.assert_allclose(actual, theirs)


def test_the_calibration_error_is_the_papers():
    """Three bins: two images at 0.9, one right; one at 0.5, wrong; one at 0.3, right."""
    probabilities = np.array(
        [[0.9, 0.1, 0, 0], [0.9, 0.1, 0, 0], [0.5, 0.2, 0.2, 0.1], [0.3, 0.25, 0.25, 0.2]]
    )
    labels = np.array([0, 1, 1, 0])
    expected = (2 * abs(0.5 - 0.9) + abs(0 - 0.5) + abs(1 - 0.3)) / 4
    assert run(labels, probabilities).calibration_error(bins=3) == pytest.approx(expected)
    sure = np.eye(4)[labels]
    assert run(labels, sure).calibration_error() == 0


def test_time_is_of_all_but_the_first_batch(answers):
    assert scored(*answers).images_per_second > 0
    assert scored(*answers, size=60).images_per_second is None
    with pytest.raises(ValueError, match="no image"):
        score(TASK, None, [])


def test_classes_are_matched_by_name_and_by_number():
    model = ("cat", "dog", "0", "3")
    assert match_classes(["dog", "cat"], model, 4).tolist() == [1, 0]
    assert match_classes(["0", "3"], model, 4).tolist() == [2, 3]
    assert match_classes(["0", "3"], ("a", "b", "c", "d"), 4).tolist() == [0, 3]
    assert match_classes(["a", "b"], None, 2).tolist() == [0, 1]
    assert match_classes(["007", "7"], None, 2).tolist() == [0, 1]  # names, two of them
    assert match_classes(["007", "7"], ("7", "007"), 2).tolist() == [1, 0]
    twice = ("crane", "cat", "crane")
    assert match_classes(twice, twice, 3).tolist() == [0, 1, 2]
    assert match_classes(["cat"], twice, 3).tolist() == [1]
    for names, known in (
        (["cat", "crane"], twice),
        (twice, ("cat", "crane")),
        (("cat", "crane", "crane"), twice),
    ):
        with pytest.raises(ValueError, match="Classes of one name .* crane names"):
            match_classes(names, known, len(known))
    assert told_apart(twice) == ("crane (0)", "cat", "crane (2)")
    strange = ((["cow"], model, 4), (["4"], None, 4), (["a"], None, 2), (["0", "1"], "123", 3))
    for names, known, count in strange:
        with pytest.raises(
            ValueError, match=f"one of the model's {count}.*, .* received {names[0]}"
        ):
            match_classes(names, known, count)
