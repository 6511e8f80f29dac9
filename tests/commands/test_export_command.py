"""`keras-vit export`: artefacts, their report, and what becomes of those beyond a limit."""

import json

import keras
import numpy as np
import pytest

from keras_vit.artefacts import open_artefact
from keras_vit.commands import export_model
from keras_vit.export import save_keras


@pytest.fixture
def digits_model(tmp_path, tiny_ten):
    path = tmp_path / "model.keras"
    save_keras(tiny_ten, path)
    return path


@pytest.fixture
def tiny_ten():
    from keras_vit.models import vit
    from keras_vit.tasks import classifier

    names = [str(digit) for digit in range(10)]
    return classifier(vit("mu/4", image_size=8, channels=1), 10, class_names=names)


def test_artefacts_and_their_report(tmp_path, digits_model, tiny_ten, run):
    out = tmp_path / "saved_models" / "digits"
    code, text, err = run(
        "export",
        digits_model,
        "--to",
        "savedmodel,tflite",
        "--data",
        "digits",
        "--out",
        out,
        "--images",
        50,
    )
    assert code == 0, err
    names = sorted(path.name for path in out.iterdir() if not path.name.startswith("."))
    assert names == ["1", "1.json", "1.md", "1.tflite", "batching.config", "models.config"]
    assert "docker run" in text and "top-1" in text
    report = json.loads((out / "1.json").read_text())
    assert report["rejected"] == {}
    keras_row, saved_model, litert = report["artefacts"]
    assert [keras_row["artefact"], saved_model["artefact"], litert["artefact"]] == [
        str(digits_model),
        str(out / "1"),
        str(out / "1.tflite"),
    ]
    for row in report["artefacts"]:
        assert row["difference"] < 1e-5 and row["agreement"] == 1 and row["change"] == 0
        assert set(row["milliseconds"]) == {
            "1 thread, batch 1",
            "1 thread, batch 16",
            "all threads, batch 1",
            "all threads, batch 16",
        }
    assert litert["operators"]["FULLY_CONNECTED"] > 0 and "ai-edge-litert" in litert["runtime"]
    assert f"`{out}/1.tflite`" in (out / "1.md").read_text()
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1)).astype("uint8")
    expected = keras.ops.convert_to_numpy(keras.ops.softmax(tiny_ten(images)))
    np.testing.assert_allclose(open_artefact(out).predict(images), expected, atol=1e-6)


@pytest.mark.slow
def test_what_is_beyond_its_limit_is_put_aside(tmp_path, digits_model, run, monkeypatch):
    monkeypatch.setattr(export_model, "SAME", 0.0)
    out = tmp_path / "digits"
    words = ["--to", "savedmodel,tflite-int8", "--data", "digits", "--out", out, "--images", 20]
    monkeypatch.setitem(export_model.LOSS, "tflite-int8", 100.0)
    code, _, err = run("export", digits_model, *words)
    assert code == 1 and "1.rejected: a probability differs by" in err
    names = sorted(path.name for path in out.iterdir() if not path.name.startswith("."))
    assert names == ["1-int8.tflite", "1.json", "1.md", "1.rejected"]
    assert "savedmodel" in json.loads((out / "1.json").read_text())["rejected"]
    with pytest.raises(ValueError, match="neither a SavedModel nor a version"):
        open_artefact(out)


@pytest.mark.parametrize(
    "words, message",
    [
        (["--to", "tflite,onyx"], "`to` must be some of savedmodel, tflite"),
        (["--to", "tflite,tflite"], "each once"),
        (["--images", "0"], "--images must be at least 1"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    tmp_path, digits_model, run, one_line, words, message
):
    out = tmp_path / "digits"
    code, _, err = run("export", digits_model, *["--data", "digits", "--out", out, *words])
    assert code == 2 and message in err.splitlines()[-1]
    assert not list(out.glob("*")) if out.exists() else True


def test_a_model_of_a_stranger_is_refused(tmp_path, run):
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, keras.layers.Lambda(lambda x: x[:, 0, 0])(inputs))
    model.save(tmp_path / "model.keras")
    code, _, err = run(
        "export", tmp_path / "model.keras", "--data", "digits", "--out", tmp_path / "x"
    )
    assert code == 2 and "cannot be read as a model" in err.splitlines()[-1]
    assert not (tmp_path / "x").exists()
