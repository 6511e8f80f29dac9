"""`keras-vit export`: artefacts, their report, and what becomes of those beyond a limit."""

import dataclasses
import itertools
import json
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from keras_vit.cli import export as export_command
from keras_vit.data import open_source
from keras_vit.data.sample import image_and_label
from keras_vit.evaluation import Chance, compare
from keras_vit.export import FORMATS, save_keras
from keras_vit.images.preprocessing import Preprocessing
from keras_vit.inference import open_artefact
from keras_vit.models import vit
from keras_vit.tasks import classifier


@pytest.fixture(scope="module")
def digits_model(tmp_path_factory, tiny_ten):
    path = tmp_path_factory.mktemp("model") / "model.keras"
    save_keras(tiny_ten, path)
    return path


@pytest.fixture(scope="module")
def tiny_ten():
    """An untrained classifier of digits, to read and not to change."""
    names = [str(digit) for digit in range(10)]
    return classifier(vit("mu/4", image_size=8, channels=1), 10, class_names=names)


@pytest.mark.slow
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
    assert "docker run" in text and "accuracy" in text
    report = json.loads((out / "1.json").read_text())
    assert report["rejected"] == {}
    assert report["judged"]["data"] == "digits" and report["judged"]["images"] == 50
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
    text = (out / "1.md").read_text()
    assert f"`{out}/1.tflite`" in text and "Judged on: data digits, images 50, seed 0" in text
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1)).astype("uint8")
    expected = keras.ops.convert_to_numpy(keras.ops.softmax(tiny_ten(images)))
    np.testing.assert_allclose(open_artefact(out).predict(images), expected, atol=1e-6)


@pytest.mark.slow
def test_what_is_beyond_its_limit_is_put_aside(tmp_path, digits_model, run, monkeypatch):
    for name, most in (("savedmodel", -1.0), ("tflite", -1.0), ("tflite-int8", 100.0)):
        monkeypatch.setitem(FORMATS, name, dataclasses.replace(FORMATS[name], largest_loss=most))
    monkeypatch.setattr(
        sys.modules[compare.__module__],
        "chance_of_loss",
        lambda *_: Chance(0.04, "exact McNemar test"),
    )
    out = tmp_path / "digits"
    words = ["--data", "digits", "--out", out, "--images", 20, "--to"]
    code, _, err = run("export", digits_model, *words, "savedmodel,tflite-int8")
    assert code == 1 and "1.rejected: it loses -0.00 points" in err
    names = sorted(path.name for path in out.iterdir() if not path.name.startswith("."))
    assert names == ["1-int8.tflite", "1.json", "1.md", "1.rejected"]
    assert "savedmodel" in json.loads((out / "1.json").read_text())["rejected"]
    with pytest.raises(ValueError, match="neither a SavedModel nor a version"):
        open_artefact(out)
    code, text, err = run("export", digits_model, *words, "tflite", "--force")
    assert code == 0 and "beyond its" in text and "2.tflite is kept: it loses" in err
    assert (out / "2.tflite").is_file()
    report = json.loads((out / "2.json").read_text())
    assert report["artefacts"][1]["is_forced"] and not report["rejected"]
    assert "2.tflite`, beyond its limit, kept |" in (out / "2.md").read_text()


@pytest.mark.slow
def test_the_signature_attention_answers_with_a_method_by_its_name(tmp_path, digits_model, run):
    out = tmp_path / "digits"
    words = ["--data", "digits", "--out", out, "--images", 10, "--to"]
    code, _, err = run("export", digits_model, *words, "savedmodel", "--attention", "occlusion")
    assert code == 2 and "keras-vit: `attention` cannot be occlusion" in err
    assert not out.exists()
    code, _, err = run("export", digits_model, *words, "savedmodel", "--attention", "relevance")
    assert code == 0, err
    assert open_artefact(out).attention == "relevance"


@pytest.mark.slow
def test_a_set_too_small_for_any_loss_is_named_and_so_is_a_loss_that_may_be_chance(
    tmp_path, digits_model, run, monkeypatch
):
    monkeypatch.setitem(
        FORMATS, "tflite", dataclasses.replace(FORMATS["tflite"], largest_loss=-1.0)
    )
    words = ["--data", "digits", "--out", tmp_path / "out", "--images", 4, "--to", "tflite"]
    code, _, err = run("export", digits_model, *words)
    assert code == 0 and "on 4 images no loss can be significant" in err
    assert "1.tflite is kept: it loses" in err and "which may be chance" in err


@pytest.mark.slow
def test_one_that_does_not_load_does_not_lose_the_others(tmp_path, digits_model, run, monkeypatch):
    def write(model, path, **_):
        path.write_bytes(b"no model")

    monkeypatch.setitem(
        FORMATS, "onnx", dataclasses.replace(FORMATS["onnx"], write=write, needs=())
    )
    out = tmp_path / "digits"
    words = ["--to", "onnx,tflite", "--data", "digits", "--out", out, "--images", 20]
    code, _, err = run("export", digits_model, *words)
    assert code == 1 and "1.onnx.rejected: " in err and "cannot be replayed" in err
    names = sorted(path.name for path in out.iterdir() if not path.name.startswith("."))
    assert names == ["1.json", "1.md", "1.onnx.rejected", "1.tflite"]
    assert "cannot be replayed" in json.loads((out / "1.json").read_text())["rejected"]["onnx"]


@pytest.mark.slow
def test_one_that_cannot_be_written_does_not_lose_the_others(
    tmp_path, digits_model, run, monkeypatch
):
    def write(model, path, **_):
        raise RuntimeError("no such\noperator")

    broken = dataclasses.replace(FORMATS["onnx"], write=write, needs=())
    monkeypatch.setitem(FORMATS, "onnx", broken)
    out = tmp_path / "digits"
    words = ["--data", "digits", "--out", out, "--images", 20, "--to"]
    code, _, err = run("export", digits_model, *words, "onnx,tflite")
    assert code == 1 and "keras-vit: onnx: it cannot be written: no such operator" in err
    names = sorted(path.name for path in out.iterdir() if not path.name.startswith("."))
    assert names == ["1.json", "1.md", "1.tflite"]
    report = json.loads((out / "1.json").read_text())
    assert report["rejected"] == {"onnx": "it cannot be written: no such operator"}
    code, _, err = run("export", digits_model, *words, "onnx")
    assert code == 2 and "No format could be written: no such operator" in err
    assert not (out / "2.json").exists()


@pytest.mark.parametrize("count", [100, 10_000])
def test_the_images_that_judge_are_drawn_from_all_of_the_split_each_once(count):
    split = open_source("digits").splits["test"]
    how = Preprocessing(image_size=8)
    images, labels = export_command.drawn_examples(split, count, how, 0, image_and_label)
    assert len(images) == len(labels) == min(count, split.count)
    assert set(labels) == set(range(10))
    everything = export_command.drawn_examples(split, 10**9, how, 1, image_and_label)[0]
    everything = {image.tobytes() for image in everything}
    assert {image.tobytes() for image in images} <= everything
    assert len({image.tobytes() for image in images}) >= len(images) - 2  # few are twins
    again, _ = export_command.drawn_examples(split, count, how, 0, image_and_label)
    np.testing.assert_array_equal(images, again)


@pytest.mark.parametrize(
    "words, message",
    [
        (["--to", "tflite,onyx"], "`to` must be some of savedmodel, tflite"),
        (["--to", "tflite, tflite"], "each once: received tflite, tflite."),
        (["--to", "tflite, tflite-int8", "--crop-ratio", "0"], "`crop_ratio` must lie in"),
        (["--limit", "-1"], "--limit is 0 to 100 points"),
        (["--images", "0"], "--images must be at least 1"),
        (["--crop-ratio", "0"], "`crop_ratio` must lie in [0.05, 1]: received 0.0"),
        (["--crop-ratio", "nan"], "`crop_ratio` must lie in [0.05, 1]"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    tmp_path, digits_model, run, one_line, words, message
):
    out = tmp_path / "digits"
    code, _, err = run("export", digits_model, *["--data", "digits", "--out", out, *words])
    assert code == 2 and message in one_line(err)
    assert not list(out.glob("*")) if out.exists() else True


@pytest.mark.slow
def test_broken_pictures_judge_nothing(tmp_path, run):
    rng = np.random.default_rng(0)
    for split, name, index in itertools.product(("train", "test"), "ab", range(3)):
        place = tmp_path / "data" / split / name / f"{index}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (9, 9, 3)).astype("uint8")).save(place)
    (tmp_path / "data" / "test" / "a" / "1.png").write_bytes(b"no picture")
    model = classifier(vit("mu/4", image_size=8), 2, class_names=["a", "b"])
    save_keras(model, tmp_path / "model.keras", preprocessing=Preprocessing(crop_ratio=0.9))
    words = ["--data", tmp_path / "data", "--to", "tflite", "--out", tmp_path / "out"]
    code, text, err = run("export", tmp_path / "model.keras", *words)
    assert code == 0 and "compared on 5 images" in text and "1.png is left out: " in err
    judged = json.loads((tmp_path / "out" / "1.json").read_text())["judged"]
    assert (judged["images"], judged["crop_ratio"]) == (5, 0.9)
    assert open_artefact(tmp_path / "out" / "1.tflite").preprocessing.crop_ratio == 0.9


def test_a_model_of_a_stranger_is_refused(tmp_path, run):
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, keras.layers.Lambda(lambda x: x[:, 0, 0])(inputs))
    model.save(tmp_path / "model.keras")
    code, _, err = run(
        "export", tmp_path / "model.keras", "--data", "digits", "--out", tmp_path / "x"
    )
    assert code == 2 and "cannot be read as a model" in err.splitlines()[-1]
    assert not (tmp_path / "x").exists()


def test_a_model_that_answers_nan_is_refused_before_anything_is_written(tmp_path, run):
    inputs = keras.Input((8, 8, 1))
    outputs = keras.layers.Dense(10, "softmax")(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, outputs)
    model.set_weights([weight * np.nan for weight in model.get_weights()])
    model.save(tmp_path / "nan.keras")
    words = ["--data", "digits", "--to", "tflite", "--out", tmp_path / "out"]
    code, _, err = run("export", tmp_path / "nan.keras", *words)
    assert code == 2 and "not a finite number" in err.splitlines()[-1]
    assert not (tmp_path / "out").exists()
