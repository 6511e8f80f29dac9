"""Other people's files: every command answers them rightly or refuses them in one line."""

import json

import foreign
import keras
import numpy as np
import pytest
from PIL import Image

from keras_vit.models import vit
from keras_vit.tasks import classifier

WRITERS = {
    "saved_model": foreign.saved_models,
    "litert": foreign.litert_files,
    "onnx": foreign.onnx_files,
}


@pytest.fixture
def grey(tmp_path):
    path = tmp_path / "grey.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8)).astype("uint8")).save(path)
    return path


@pytest.fixture
def check(run, grey, tmp_path, one_line):
    """Returns a check that commands refuse a model in one line that holds a sentence."""

    def check(path, sentence, commands=("predict", "evaluate", "serve")):
        words = {
            "predict": [path, grey],
            "evaluate": [path, "--data", "digits"],
            "export": [path, "--data", "digits", "--out", tmp_path / "out"],
            "serve": [path, "--port", 0],
            "inspect": [path],
        }
        for command in commands:
            code, text, err = run(command, *words[command])
            assert (code, text) == (2, ""), (command, path, text)
            assert sentence in one_line(err), (command, path)
        assert not (tmp_path / "out").exists()

    return check


def test_keras_models_without_one_softmax(tmp_path, tiny_classifier, check):
    for name, (model, sentence) in foreign.wrong_models(tiny_classifier).items():
        path = tmp_path / f"{name}.keras"
        model.save(path)
        check(path, sentence, ("predict", "export"))
    check(path, sentence, ("evaluate",))
    check(path, "A .keras file is exported first", ("serve",))
    check(path, "is no LiteRT file", ("inspect",))


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_exports_that_are_not_ours(tmp_path, kind, check):
    for path, sentence in WRITERS[kind](tmp_path).values():
        check(path, sentence)
    if kind != "litert":
        check(path, "is no LiteRT file", ("inspect",))
    check(path, str(path), ("export",))


@pytest.mark.parametrize("kind", ["keras_file", "litert", "saved_model"])
def test_what_is_cut_short(tmp_path, tiny, kind, check):
    whole = getattr(tiny, kind)
    path = tmp_path / whole.name
    if whole.is_dir():
        path.mkdir()
        content = (whole / "saved_model.pb").read_bytes()
        (path / "saved_model.pb").write_bytes(content[: len(content) // 2])
    else:
        content = whole.read_bytes()
        path.write_bytes(content[: len(content) // 2])
    check(path, "cannot be read as a", ("predict", "evaluate"))
    if kind == "keras_file":
        check(path, "cannot be read as a", ("export",))
    else:
        check(path, "cannot be read as a", ("serve",))
    if kind == "litert":
        check(path, "cannot be read as a LiteRT file", ("inspect",))


def test_a_folder_without_pictures_is_a_sentence(tiny, tmp_path, run, one_line):
    for words in (("predict", tiny.litert), ("client", "--url", "http://127.0.0.1:1/v1/models/x")):
        code, text, err = run(*words, tmp_path)
        assert (code, text) == (2, "")
        assert f"There is no picture in the folder {tmp_path}." in one_line(err)


@pytest.mark.slow
def test_a_plain_keras_classifier_is_answered_and_exported(tmp_path, grey, run):
    model = foreign.cnn(classes=10)
    model.save(tmp_path / "cnn.keras")
    (expected,) = np.asarray(model(np.asarray(Image.open(grey))[None, ..., None]))
    words = ["--data", "digits", "--images", 50, "--to", "savedmodel,tflite,tflite-int8"]
    code, text, err = run("export", tmp_path / "cnn.keras", "--out", tmp_path / "cnn", *words)
    assert code == 0, err
    assert "no signatures `features` and `attention`" in text
    for path in ("cnn.keras", "cnn", "cnn/1.tflite"):
        code, text, err = run("predict", tmp_path / path, grey, "--json", "--top", 10)
        assert (code, err) == (0, "")
        answer = {entry["index"]: entry["probability"] for entry in json.loads(text)["classes"]}
        np.testing.assert_allclose([answer[index] for index in range(10)], expected, atol=1e-6)


def test_our_model_with_a_softmax_behind_it_is_answered_once(tmp_path, grey, run):
    model = classifier(vit("mu/4", image_size=8, channels=1), 3)
    model = keras.Model(model.input, keras.layers.Softmax()(10 * model.output))
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(model(foreign.pixels()), 1 / 3, atol=0.01)
    model.save(tmp_path / "model.keras")
    code, text, err = run("predict", tmp_path / "model.keras", grey, "--json")
    assert (code, err) == (0, "")
    (expected,) = np.asarray(model(np.asarray(Image.open(grey))[None, ..., None]))
    shares = [entry["probability"] for entry in json.loads(text)["classes"]]
    np.testing.assert_allclose(shares, np.sort(expected)[::-1], atol=1e-6)


def test_a_keras_file_that_is_none_is_said_to_be_none(tmp_path, tiny, check, run, one_line):
    whole = tiny.keras_file.read_bytes()
    contents = {"empty": b"", "text": b"no zip", "half": whole[: len(whole) // 2]}
    for name, content in contents.items():
        path = tmp_path / f"{name}.keras"
        path.write_bytes(content)
        sentence = f"{path} cannot be read as a model: It is no zip archive"
        check(path, sentence, ("predict", "evaluate", "export"))
        code, text, err = run("import", path, "--out", tmp_path / "new.keras")
        assert (code, text) == (2, "") and sentence in one_line(err)
    code, _, err = run("import", tmp_path / "no.keras", "--out", tmp_path / "new.keras")
    assert code == 2 and one_line(err).endswith(f"There is no checkpoint at {tmp_path}/no.keras.")


def test_a_keras_file_that_holds_nan_is_refused(tmp_path, check):
    model = foreign.cnn()
    model.set_weights([weight * np.nan for weight in model.get_weights()])
    model.save(tmp_path / "nan.keras")
    check(tmp_path / "nan.keras", "not a finite number", ("predict", "evaluate"))
