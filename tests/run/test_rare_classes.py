"""Class weights and balanced sampling: what their flags stand for, and what they refuse."""

import dataclasses
import functools

import keras
import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from keras_vit.data import SequentialSplit, Source, from_arrays
from keras_vit.data.augment import example_keys
from keras_vit.losses import WeightedCrossEntropy
from keras_vit.run import from_scratch
from keras_vit.run.class_weights import class_weights
from keras_vit.run.streams import training_stream

LABELS = np.array([0] * 14 + [1] * 4 + [3] * 2)  # of class 2 there is none
IMAGES = np.zeros((20, 2, 2, 1), "uint8")
SOURCE = from_arrays((IMAGES, LABELS), (IMAGES, LABELS), class_names=["a=b", "b", "c", "d"])
CONFIG = from_scratch.Config(data="mine", batch_size=6, label_smoothing=0.1)
STREAM = Source("mine", ("a", "b"), {"train": SequentialSplit(20, None)})


def test_balanced_weights_are_scikit_learns_and_one_on_average():
    weights = np.array(class_weights(("balanced",), SOURCE))
    theirs = compute_class_weight("balanced", classes=np.array([0, 1, 3]), y=LABELS)
    np.testing.assert_allclose(weights[[0, 1, 3]], theirs)
    assert weights[LABELS].mean() == pytest.approx(1)


def test_weights_by_name_are_taken_as_they_are():
    assert class_weights(("none",), SOURCE) is None
    assert class_weights(("a=b=0.5", "d=3"), SOURCE) == [0.5, 1.0, 1.0, 3.0]
    assert class_weights(("b=2",), STREAM) == [1.0, 2.0]  # labels need not be known


@pytest.mark.parametrize("mixing", [{}, {"mixup": 0.8, "cutmix": 1.0}])
def test_weights_are_those_of_labels_that_are_smoothed_and_then_mixed(mixing, capsys):
    config = dataclasses.replace(CONFIG, class_weights=("balanced",), **mixing)
    plain = CONFIG.classification(SOURCE) if not mixing else None
    assert capsys.readouterr().out == ""
    task = config.classification(SOURCE)
    assert "Class weights: a=b=0.476, b=1.67, c=6.67, d=3.33." in capsys.readouterr().out
    _, targets = task.mix(IMAGES, LABELS, example_keys(0, np.arange(20)))
    weights = np.array(class_weights(("balanced",), SOURCE))[LABELS]
    sums = np.asarray(targets).sum(1)
    if mixing:
        pairs = weights.reshape(-1, 2)
        assert (sums.reshape(-1, 2) <= pairs.max(1, keepdims=True) + 1e-5).all()
        assert (sums.reshape(-1, 2) >= pairs.min(1, keepdims=True) - 1e-5).all()
    else:
        _, unweighted = plain.mix(IMAGES, LABELS, example_keys(0, np.arange(20)))
        np.testing.assert_allclose(targets, weights[:, None] * unweighted, rtol=1e-6)
        assert isinstance(plain.loss(), keras.losses.CategoricalCrossentropy)
    assert isinstance(task.loss(), WeightedCrossEntropy)
    np.testing.assert_array_equal(np.asarray(task.target(LABELS)).sum(1), 1)  # validation
    assert task.title(np.array([0.0, 0.3, 0.0, 0.9])) == "d 0.75\nb 0.25"


def test_the_flag_of_sampling_reaches_the_stream():
    config = dataclasses.replace(CONFIG, sampling="balanced", label_smoothing=0.0)
    open_stream = functools.partial(training_stream, crop=None, augment=None, broken=None, job=None)
    task = config.classification(SOURCE)
    for _, targets in open_stream(config, SOURCE, task)().take(4):
        np.testing.assert_array_equal(np.asarray(targets).sum(0), [2, 2, 0, 2])


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(class_weights=("balanced",), sampling="balanced"), "must not both be balanced"),
        (
            dict(class_weights=("even",)),
            "must be none, balanced or name=weight .*'even'",
        ),
        (dict(class_weights=("balanced", "b=2")), "received 'balanced'"),
        (dict(class_weights=("b=-1",)), "received 'b=-1'"),
        (dict(class_weights=("b=nan",)), "received 'b=nan'"),
        (dict(class_weights=("b=x",)), "received 'b=x'"),
        (dict(class_weights=()), "received none"),
        (dict(sampling="even"), "`sampling` must be one of natural, balanced: received 'even'"),
    ],
)
def test_what_flags_refuse(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(CONFIG, **changes).check()


def test_weights_by_name_multiply_balanced_sampling():
    dataclasses.replace(CONFIG, class_weights=("b=2",), sampling="balanced").check()


@pytest.mark.parametrize(
    "words, source, message",
    [
        (("e=2",), SOURCE, "must name classes of arrays: received 'e', and they are a=b, b, c, d"),
        (("balanced",), STREAM, "those of mine are not: pass weights by name"),
    ],
)
def test_what_the_data_refuses(words, source, message):
    with pytest.raises(ValueError, match=message):
        class_weights(words, source)
