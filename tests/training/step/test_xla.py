import itertools
import json

import keras
import numpy as np
import pytest
from replicas import cross_entropy, examples, perceptron

from keras_vit.training import TrainingModel, choose_xla
from keras_vit.training.step import xla
from keras_vit.training.step.trials import trial_key


@pytest.fixture
def model():
    model = perceptron(TrainingModel, keras.layers.Dropout(0.5))
    model.compile("sgd", cross_entropy(), accumulation=2)
    return model


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_VIT_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "xla"


@pytest.fixture
def seconds(monkeypatch):
    """What is measured: seconds of a step with XLA, without it, and of compiling either."""
    seconds = {"with_xla": 0.1, "without": 0.2, "compiling": 5.0}
    measured = []

    class Timed:
        def __init__(self, model, batch, *, jit_compile):
            measured.append("with_xla" if jit_compile else "without")
            self.name, self.compiling = measured[-1], seconds["compiling"] * jit_compile

        def median(self, more=1):
            return seconds[self.name]

    monkeypatch.setattr(xla, "Timed", Timed)
    seconds["measured"] = measured
    return seconds


BATCH = examples(8, "float32")


@pytest.mark.parametrize("without, chosen", [(0.2, True), (0.09, False), (0.1001, False)])
def test_auto_is_on_where_it_saves_more_than_compiling_takes(
    model, seconds, capsys, without, chosen
):
    seconds["without"] = without
    assert choose_xla("auto", model, BATCH, steps=10_000) is chosen
    told = capsys.readouterr().out
    assert told.startswith(f"XLA is {'on' if chosen else 'off'}: forward and backward take 100.0")
    assert told.count("\n") == 1 and "5.0 s longer (measured)" in told


def test_a_short_run_is_not_tried(model, seconds, capsys):
    assert choose_xla("auto", model, BATCH, steps=18) is False
    assert "more than 18 steps can gain" in capsys.readouterr().out and not seconds["measured"]


def test_a_run_that_could_not_gain_the_cost_is_timed_without_xla_only_and_once(
    model, seconds, capsys
):
    for _ in range(2):
        assert choose_xla("auto", model, BATCH, steps=30) is False
        told = capsys.readouterr().out
        assert "of the 6 s that the steps take it could save 2 at most" in told
    assert seconds["measured"] == ["without"]
    assert choose_xla("auto", model, BATCH, steps=10_000) is True  # a longer run of the same
    assert seconds["measured"][1:] == ["without", "with_xla"]


def test_a_trial_is_remembered_for_the_same_model_and_batch(model, seconds, cache, capsys):
    assert choose_xla("auto", model, BATCH) is True
    assert choose_xla("auto", model, BATCH, steps=100) is True  # saves 10 s, compiling takes 5
    assert choose_xla("auto", model, BATCH, steps=40) is False
    assert seconds["measured"] == ["without", "with_xla"] and len(list(cache.iterdir())) == 1
    assert "(measured before)" in capsys.readouterr().out
    key = trial_key(model, BATCH)
    assert trial_key(model, examples(4, "float32")) != key
    again = perceptron(TrainingModel, keras.layers.Dropout(0.5))
    again.compile("sgd", cross_entropy(), accumulation=2)
    assert trial_key(again, BATCH) == key
    again.compile("sgd", cross_entropy())
    assert trial_key(again, BATCH) != key
    other = perceptron(TrainingModel, keras.layers.Dropout(0.4))
    other.compile("sgd", cross_entropy(), accumulation=2)
    assert trial_key(other, BATCH) != key


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"without": -1}', '{"without": "x"}'])
def test_a_broken_memory_is_named_and_ignored(model, seconds, cache, capsys, content):
    cache.mkdir(parents=True)
    path = cache / f"{trial_key(model, BATCH)}.json"
    path.write_text(content)
    assert choose_xla("auto", model, BATCH) is True
    assert f"{path} is no trial of XLA and is ignored" in capsys.readouterr().err
    assert json.loads(path.read_text())["with_xla"] == 0.1


def test_a_memory_that_cannot_be_written_is_named(model, seconds, cache, capsys):
    cache.parent.write_text("a file")
    assert choose_xla("auto", model, BATCH) is True
    assert "is not remembered: " in capsys.readouterr().err


def test_a_trial_ends_when_its_time_is_spent(model, monkeypatch):
    clock, calls = itertools.count(), []  # a call takes one second

    def gradient_function(batch, *, jit_compile):
        return lambda: calls.append(jit_compile)

    monkeypatch.setattr(xla.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(model, "gradient_function", gradient_function)
    plain = xla.Timed(model, BATCH, jit_compile=False)
    trial = xla.try_xla(model, BATCH, plain, seconds=2)
    assert calls == [False, True, True, False]  # each once, after compiling
    assert trial == {"with_xla": 1, "without": 1, "compiling": 0}
    calls.clear()
    xla.try_xla(model, BATCH, plain, seconds=100)
    assert len(calls) == 1 + 2 * xla.ROUNDS


def test_timing_changes_nothing(model):
    before = [variable.numpy() for variable in model.training_state.values()]
    assert xla.Timed(model, BATCH, jit_compile=True).median(2) > 0
    for left, right in zip(before, model.training_state.values(), strict=True):
        np.testing.assert_array_equal(left, right.numpy())


def test_a_request_is_met_without_timing(model, monkeypatch):
    monkeypatch.setattr(xla, "Timed", None)
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
