import io
import sys

import keras
import numpy as np
import pytest
from rich.console import Console

from keras_vit.evaluation import (
    Comparing,
    NoAnswer,
    compare,
    comparison_table,
    process,
    timing,
    worker,
)
from keras_vit.export import export
from keras_vit.inference import Artefact
from keras_vit.models import vit
from keras_vit.tasks import classification, classifier

compare_module = sys.modules[compare.__module__]
TASK = classification(["a", "b", "c"])
pytestmark = pytest.mark.usefixtures("processes")


@pytest.mark.slow
def test_artefacts_are_replayed_without_keras_and_compared(tiny):
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 1)).astype("uint8")
    reference = keras.ops.convert_to_numpy(keras.ops.softmax(tiny.model(images)))
    labels = reference.argmax(-1)
    labels[:3] = (labels[:3] + 1) % 3

    shifted = reference.copy()  # one answer becomes another: 11 of 12 agree, 9 of 12 are right
    shifted[0, labels[0]] += 0.25
    rows = compare(TASK, tiny.paths, images, labels, {"probabilities": shifted})
    assert [row.artefact for row in rows] == [str(path) for path in tiny.paths]
    for row in rows:
        assert row.figures["accuracy"] == 9 / 12
        assert row.change == 9 / 12 - (shifted.argmax(-1) == labels).mean()
        assert row.difference == pytest.approx(0.25, abs=1e-6)
        assert row.agreement == (shifted.argmax(-1) == reference.argmax(-1)).mean()
        assert len(row.milliseconds) == 4 and all(ms > 0 for ms in row.milliseconds.values())
        assert row.runtime.split()[0] in ("keras", "tensorflow", "ai-edge-litert")
    assert rows[0].size == tiny.keras_file.stat().st_size
    assert rows[1].size > rows[2].size == tiny.litert.stat().st_size

    text = io.StringIO()
    Console(file=text, width=80).print(comparison_table(TASK, rows))
    assert text.getvalue().count("75.00%") == 3
    assert text.getvalue().count("1.00x") == 4  # the Keras file itself


def test_many_images_are_answered_in_batches(monkeypatch):
    monkeypatch.setattr(worker, "images_per_call", lambda size: 5)
    calls = []

    def answer(images):
        calls.append(len(images))
        return {"double": images * 2.0, "half": images / 2}

    images = np.arange(12.0)[:, None, None, None]
    answers = worker.answer(Artefact("path", (1, 1, 1), None, answer), images)
    np.testing.assert_array_equal(answers["double"], 2 * images)
    np.testing.assert_array_equal(answers["half"], images / 2)
    assert calls == [5, 5, 2]


def test_a_keras_model_cannot_pass_for_one_that_needs_no_keras(tiny, monkeypatch):
    """The block is real: code that imports Keras fails behind it."""
    monkeypatch.setitem(sys.modules, "keras", keras)  # restored afterwards
    monkeypatch.setattr(worker, "open_artefact", lambda *_, **__: __import__("keras"))
    monkeypatch.setattr(worker, "redirect_output", lambda: None)
    with pytest.raises(ImportError, match="keras"):
        worker.main(str(tiny.litert))


def test_what_an_artefact_s_process_says_last_is_passed_on(tmp_path):
    broken = tmp_path / "model.tflite"
    broken.write_bytes(b"no model")
    images = np.zeros((1, 8, 8, 1), "uint8")
    with pytest.raises(NoAnswer, match="model.tflite cannot be replayed: .*cannot be read"):
        compare(TASK, [broken], images, [0], {"probabilities": np.ones((1, 1))})


def export_tiny(folder, **options):
    model = classifier(vit("mu/4", image_size=8, **options), 3)
    return export(model, folder, to=("tflite",))[0]


def test_one_that_fails_is_reported_and_the_others_are_timed_once(tmp_path, tiny, monkeypatch):
    """Whether it fails when it is loaded or later, when it is run."""
    broken, other = tmp_path / "model.tflite", tmp_path / "other.tflite"
    broken.write_bytes(b"no model")
    other.write_bytes(export_tiny(tmp_path / "other", channels=3).read_bytes())
    started, start = [], process.Worker.__enter__

    def remember(worker):
        started.append(worker.place)
        return start(worker)

    monkeypatch.setattr(process.Worker, "__enter__", remember)
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1)).astype("uint8")
    reference = keras.ops.convert_to_numpy(keras.ops.softmax(tiny.model(images)))
    monkeypatch.setattr(process, "SECONDS", 0.01)
    again = tmp_path / "again.tflite"
    again.write_bytes(tiny.litert.read_bytes())
    paths, failures = [tiny.litert, broken, other, again], {}
    named = {"probabilities": reference}
    rows = compare(TASK, paths, images, reference.argmax(-1), named, failures=failures)
    assert [row.artefact for row in rows] == [str(tiny.litert), str(again)]
    assert all(row.figures["accuracy"] == 1 and len(row.milliseconds) == 4 for row in rows)
    assert failures.keys() == {broken, other}
    assert "model.tflite cannot be replayed: " in str(failures[broken])
    assert started == paths


@pytest.mark.parametrize("few", [True, False])
def test_the_answers_of_the_first_are_the_reference_and_those_of_many_cores_come_later(
    tiny, monkeypatch, few
):
    monkeypatch.setattr(compare_module, "FEW_CORES", 10**6 if few else 0)
    monkeypatch.setattr(process, "SECONDS", 0.01)
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1)).astype("uint8")
    reference = keras.ops.convert_to_numpy(keras.ops.softmax(tiny.model(images)))
    with Comparing(images) as comparing:
        for path in (tiny.litert, tiny.litert.with_name("none.tflite")):
            comparing.begin(path)
        (row,) = comparing.finish(TASK, reference.argmax(-1), failures=(failures := {}))
    assert row.difference == 0 and row.figures["accuracy"] == 1 and len(row.milliseconds) == 4
    assert [path.name for path in failures] == ["none.tflite"]
    with Comparing(images) as comparing, pytest.raises(NoAnswer, match="none.tflite"):
        comparing.begin(tiny.litert.with_name("none.tflite"))
        comparing.finish(TASK, reference.argmax(-1), failures={})


def test_batches_that_would_take_too_long_are_timed_for_none():
    class Fake:
        def __init__(self, milliseconds):
            self.milliseconds, self.asked = milliseconds, []

        def warm_up(self, batch):
            self.asked.append(batch)

        def time(self, batch):
            return [batch * self.milliseconds]

    fast, slow = Fake(1.0), Fake(180.0)
    assert timing.time_in_turns([fast, slow]) == [{1: 1, 16: 16}, {1: 180, 16: 2880}]
    fast, slow = Fake(1.0), Fake(190.0)
    assert timing.time_in_turns([slow, fast]) == [{1: 190}, {1: 1}]
    assert fast.asked == slow.asked == [1]
