"""What becomes of an export by its answers, its loss and the size of the set."""

import dataclasses
import math

import numpy as np
import pytest

from keras_vit.evaluation import Chance, Comparison
from keras_vit.evaluation.difference import broken
from keras_vit.export import FORMATS
from keras_vit.export.limits import differs, verdict
from keras_vit.tasks import classification

TASK = classification(["a", "b"])
UNLIKELY, LIKELY = Chance(0.01, "exact McNemar test"), Chance(0.5, "exact McNemar test")


def row(change=0.0, *, chance=None, **answers):
    numbers = dict(size=1, figures={"accuracy": 0.5}, agreement=1.0, milliseconds={}, runtime="")
    numbers |= dict(difference=0.0, decided=0.0, operators={}) | answers
    return Comparison("1.tflite", change=change, chance=chance, **numbers)


def judged(name, *args, limit=None, **kwargs):
    return verdict(TASK, FORMATS[name], row(*args, **kwargs), limit=limit)


def test_a_loss_counts_when_it_is_beyond_the_limit_and_significant():
    why = judged("tflite-int8", -0.0327, chance=UNLIKELY).rejected
    assert why.startswith("it loses 3.27 points of accuracy, more than 0.3, which is significant")
    assert "(exact McNemar test, one-sided: p = 0.01)" in why
    one_of_153 = judged("tflite-int8", -1 / 153, chance=LIKELY)
    assert not one_of_153.rejected and "0.65 points" in one_of_153.remark
    assert "may be chance" in one_of_153.remark
    for small in (judged("tflite-int8", -0.002, chance=UNLIKELY), judged("tflite-int8", 0.1)):
        assert not small.rejected and not small.remark


def test_where_it_cannot_be_tested_the_limit_decides_and_says_so():
    assert "cannot be tested" in judged("tflite-int8", -0.0031).rejected
    assert not judged("tflite-int8", -0.003).rejected


def test_a_limit_of_ones_own_holds_for_every_format():
    assert judged("tflite-int8", -0.02, chance=UNLIKELY, limit=1.0).rejected
    assert not judged("tflite-int8", -0.02, chance=UNLIKELY, limit=2.5).rejected
    assert judged("tflite", difference=0.1).rejected
    assert not judged("tflite", difference=0.1, limit=0.0).rejected


def test_unchanged_weights_must_give_the_same_answers():
    assert "an answer differs by 1.0e-01" in judged("tflite", -0.002, difference=0.1).rejected
    assert differs(0.0, 1 / 153, 153) == ""  # of a thousand one may differ
    assert "2.50% of its decisions" in differs(0.0, 0.025, 1000)
    assert "2.50% of its decisions" in judged("onnx", decided=0.025, decisions=1000).rejected
    assert "not a finite number" in differs(math.nan)


@pytest.mark.parametrize("name", FORMATS)
def test_answers_of_no_use_are_rejected_whatever_may_be_lost(name):
    assert judged(name).rejected == ""
    for broken_row in (row(broken="it is."), row(math.nan, difference=math.nan, broken="it is.")):
        assert verdict(TASK, FORMATS[name], broken_row, limit=100.0).is_broken
    assert judged(name, math.nan, limit=100.0).is_broken
    assert not verdict(TASK, FORMATS[name], row(-1.0, chance=UNLIKELY), limit=3.0).is_broken


def test_constant_answers_are_no_use():
    reference = {"probabilities": np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])}
    near = np.array([[0.5, 0.5]] * 3) + 1e-5 * np.arange(3)[:, None]
    assert "same answer" in broken({"probabilities": near}, reference)
    assert broken({"probabilities": reference["probabilities"] / 2}, reference) == ""
    assert "not a finite" in broken({"probabilities": np.full((3, 2), np.nan)}, reference)
    assert "not a finite" in broken({}, reference)
    flat = {"probabilities": np.array([[0.5, 0.5], [0.5001, 0.4999], [0.5, 0.5]])}
    assert broken({"probabilities": np.full((3, 2), 0.5)}, flat) == ""  # as is the model
    masks = {"mask": np.arange(8).reshape(2, 2, 2)}
    assert "same answer" in broken({"mask": np.zeros((2, 2, 2), int)}, masks)
    assert broken({"mask": masks["mask"] + 1}, masks) == ""
    one = {name: array[:1] for name, array in reference.items()}
    assert broken(one, one) == ""


def test_a_comparison_is_a_plain_value():
    assert dataclasses.asdict(row(chance=LIKELY))["chance"]["probability"] == 0.5
