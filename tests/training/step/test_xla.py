import itertools

import keras
import numpy as np
import pytest
from replicas import cross_entropy, examples, perceptron

from keras_vit.training import TrainingModel, choose_xla
from keras_vit.training.step import xla


@pytest.fixture
def model():
    model = perceptron(TrainingModel, keras.layers.Dropout(0.5))
    model.compile("sgd", cross_entropy(), accumulation=2)
    return model


@pytest.mark.parametrize("times, chosen", [((0.1, 0.2), True), ((0.3, 0.2), False)])
def test_auto_takes_the_faster(model, monkeypatch, capsys, times, chosen):
    monkeypatch.setattr(xla, "times_of_a_step", lambda model, batch: times)
    assert choose_xla("auto", model, None) is chosen
    told = capsys.readouterr().out
    assert f"XLA is {'on' if chosen else 'off'}" in told and "200.0 ms without" in told


def test_timing_changes_nothing_and_the_median_decides(model, monkeypatch):
    before = [variable.numpy() for variable in model.training_state.values()]
    clock = itertools.count()  # every step takes one second: with XLA is not faster
    monkeypatch.setattr(xla.time, "perf_counter", lambda: next(clock))
    assert xla.times_of_a_step(model, examples(8, "float32")) == [1, 1]
    assert choose_xla("auto", model, examples(8, "float32")) is False
    for left, right in zip(before, model.training_state.values(), strict=True):
        np.testing.assert_array_equal(left, right.numpy())


def test_a_request_is_met_without_timing(model, monkeypatch):
    monkeypatch.setattr(xla, "times_of_a_step", None)
    assert choose_xla("on", model, None) is True
    assert choose_xla("off", model, None) is False


def test_auto_is_off_where_a_layer_forbids_it(capsys):
    model = perceptron(TrainingModel, keras.layers.RandomRotation(0.1, name="turn"))
    assert choose_xla("auto", model, None) is False
    assert "it cannot compile turn" in capsys.readouterr().out


def test_an_unknown_choice_is_refused(model):
    with pytest.raises(ValueError, match="received 'maybe'"):
        choose_xla("maybe", model, None)


def test_a_request_that_cannot_be_met_is_an_error():
    model = perceptron(TrainingModel, keras.layers.RandomRotation(0.1, name="turn"))
    with pytest.raises(ValueError, match="supports_jit=False in turn"):
        choose_xla("on", model, None)
