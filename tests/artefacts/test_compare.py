import io
import sys

import keras
import numpy as np
import pytest
from rich.console import Console

from keras_vit.artefacts import Artefact, compare, comparison_table, replay


def test_artefacts_are_replayed_without_keras_and_compared(tiny):
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 1)).astype("uint8")
    reference = keras.ops.convert_to_numpy(keras.ops.softmax(tiny.model(images)))
    labels = reference.argmax(-1)
    labels[:3] = (labels[:3] + 1) % 3

    shifted = reference + np.eye(12, 3) * 0.25
    rows = compare(tiny.paths, images, labels, shifted)
    assert [row.artefact for row in rows] == [str(path) for path in tiny.paths]
    for row in rows:
        assert row.accuracy == 9 / 12
        assert row.difference == pytest.approx(0.25, abs=1e-6)
        assert row.milliseconds > 0
    assert rows[0].size == tiny.keras_file.stat().st_size
    assert rows[1].size > rows[2].size == tiny.litert.stat().st_size

    text = io.StringIO()
    Console(file=text, width=200).print(comparison_table(rows))
    assert text.getvalue().count("75.00%") == 3


def test_of_many_images_the_first_are_timed_and_the_rest_go_in_batches(monkeypatch):
    monkeypatch.setattr(replay, "TIMED", 5)
    monkeypatch.setattr(replay, "BATCH", 4)
    calls = []

    def predict(images):
        calls.append(len(images))
        return images * 2.0

    images = np.arange(12.0)[:, None]
    artefact = Artefact("path", (1,), None, predict)
    probabilities, milliseconds = replay.replay(artefact, images)
    np.testing.assert_array_equal(probabilities, 2 * images)
    assert len(milliseconds) == 5
    assert calls[-8:] == [1, 1, 1, 1, 1, 1, 4, 3] and sum(calls) == 22  # ten to warm up


def test_a_keras_model_cannot_pass_for_one_that_needs_no_keras(tiny, tmp_path, monkeypatch):
    """The block is real: code that imports Keras fails behind it."""
    monkeypatch.setitem(sys.modules, "keras", keras)  # restored afterwards
    monkeypatch.setattr(replay, "open_artefact", lambda path: __import__("keras"))
    with pytest.raises(ImportError, match="keras"):
        replay.main(str(tiny.litert), "images.npy", "result.npz")


def test_what_an_artefact_s_process_says_last_is_passed_on(tmp_path):
    broken = tmp_path / "model.tflite"
    broken.write_bytes(b"no model")
    images = np.zeros((1, 8, 8, 1), "uint8")
    with pytest.raises(RuntimeError, match="model.tflite cannot be replayed: .*cannot be read"):
        compare([broken], images, [0], [[1.0]])
