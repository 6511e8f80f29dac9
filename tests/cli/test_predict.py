import csv
import json

import keras
import numpy as np
import pytest
from PIL import Image

from keras_vit.checkpoints import export_timm, load, recognise
from keras_vit.export import export, save_keras
from keras_vit.images.crop import read_image
from keras_vit.images.preprocessing import Preprocessing
from keras_vit.inference import Artefact, open_artefact

CROP = Preprocessing(crop_ratio=0.6)


@pytest.fixture
def grey(tmp_path):
    path = tmp_path / "grey.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8)).astype("uint8")).save(path)
    return path


@pytest.fixture
def colour(tmp_path):
    path = tmp_path / "colour.png"
    Image.new("RGB", (8, 8), "red").save(path)
    return path


def test_the_three_artefacts_answer_alike(tiny, grey, run):
    pixels = np.asarray(Image.open(grey)).reshape(1, 8, 8, 1)
    (logits,) = np.asarray(tiny.model(pixels))
    probabilities = np.exp(logits) / np.exp(logits).sum()
    for model in tiny.paths:
        code, out, err = run("predict", model, "--json", grey)
        assert (code, err) == (0, "")
        answer = json.loads(out)
        assert answer["image"] == str(grey)
        expected = np.argsort(-probabilities)
        assert [entry["index"] for entry in answer["classes"]] == expected.tolist()
        names = ["nought", "one", "zwölf"]
        assert [entry["name"] for entry in answer["classes"]] == [names[i] for i in expected]
        np.testing.assert_allclose(
            [entry["probability"] for entry in answer["classes"]],
            probabilities[expected],
            atol=1e-6,
        )


def test_what_is_done_to_a_picture_travels(tiny, tmp_path):
    """Through `.keras`, timm's layout and LiteRT, and to a model that is loaded at another size."""
    told = Preprocessing(
        crop_ratio=0.6, interpolation="bilinear", fit="squash", crop_offset="floor"
    )
    pixels = np.random.default_rng(0).integers(0, 256, (60, 90)).astype("uint8")
    Image.fromarray(pixels).save(tmp_path / "large.png")
    save_keras(load(tiny.keras_file), tmp_path / "model.keras", preprocessing=told)
    model = load(tmp_path / "model.keras", image_size=12)
    export_timm(model, tmp_path / "model.safetensors")
    model = load(tmp_path / "model.safetensors")
    save_keras(model, tmp_path / "again.keras")
    for path in (tmp_path / "again.keras", *export(model, tmp_path / "out", to=("tflite",))):
        expected = read_image(tmp_path / "large.png", told.but(image_size=12), channels=1)
        np.testing.assert_array_equal(
            open_artefact(path).read_image(tmp_path / "large.png"), expected
        )


def test_a_model_that_says_nothing_sees_pictures_whole_in_timm_too(tiny, tmp_path):
    export_timm(load(tiny.keras_file), tmp_path / "model.safetensors")
    found = recognise(tmp_path / "model.safetensors").preprocessing
    assert found == Preprocessing(image_size=8, mean=[0.5], std=[0.5])


@pytest.mark.slow
def test_a_model_remembers_what_evaluation_does_to_a_picture(tiny, tmp_path, run):
    pixels = np.random.default_rng(0).integers(0, 256, (60, 90)).astype("uint8")
    Image.fromarray(pixels).save(tmp_path / "large.png")
    save_keras(load(tiny.keras_file), tmp_path / "model.keras", preprocessing=CROP)
    model = load(tmp_path / "model.keras")
    export_timm(model, tmp_path / "model.safetensors")
    save_keras(load(tmp_path / "model.safetensors"), tmp_path / "again.keras")
    saved = [tmp_path / "model.keras", tmp_path / "again.keras", *export(model, tmp_path / "out")]
    answers = [run("predict", each, "--json", tmp_path / "large.png")[1] for each in saved]
    shares = [[x["probability"] for x in json.loads(each)["classes"]] for each in answers]
    image = read_image(tmp_path / "large.png", CROP.but(image_size=8), channels=1)
    expected = np.sort(keras.ops.softmax(tiny.model(image[None])))[0, ::-1]
    np.testing.assert_allclose(shares, [expected] * 4, atol=1e-6)


def test_the_table_names_image_class_and_probability(tiny, grey, run):
    code, out, err = run("predict", tiny.litert, grey, grey, "--top", 2)
    assert (code, err) == (0, "")
    assert "".join(line.split()[0] for line in out.splitlines()).count("grey.png") == 2
    assert "probability" in out
    assert len([line for line in out.splitlines() if "0." in line]) == 4


def test_a_name_that_looks_like_markup_is_printed_as_it_is(tiny, grey, run):
    path = grey.rename(grey.with_name("[red].png"))
    code, out, _ = run("predict", tiny.litert, "--top", 1, path)
    assert code == 0
    assert "[red].png" in "".join(line.split()[0] for line in out.splitlines())


def test_good_images_are_answered_beside_bad_ones(tiny, grey, colour, tmp_path, run):
    text = tmp_path / "text.png"
    text.write_text("no image")
    code, out, err = run("predict", tiny.litert, text, grey, colour, "--json")
    assert code == 1
    assert json.loads(out)["image"] == str(grey)
    assert len(err.splitlines()) == 3 and "2 of 3 are not answered" in err


@pytest.fixture
def shots(tmp_path):
    """Nine pictures in folders, one of them broken, beside files that are no pictures."""
    folder, pixels = tmp_path / "shots", np.random.default_rng(0).integers(0, 256, (9, 8, 8))
    for name, each in zip([*ORDER, "w.png"], pixels.astype("uint8"), strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(each).save(folder / name)
    (folder / "w.png").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_text("no picture")
    return folder


ORDER = ["[1].png", "a/10.png", "a/9.png", "a/c/1.png", "b.png"]
ORDER += ["l\n.png", 'x,"y".png', "z\udcff.png"]


@pytest.mark.parametrize("size", [64, 3])
def test_a_folder_becomes_a_table_and_what_is_broken_is_counted(
    tiny, shots, run, monkeypatch, size
):
    monkeypatch.setattr("keras_vit.cli.predict.images_per_call", lambda shape: size)
    out = shots.parent / "new" / "predictions.csv"
    code, text, err = run("predict", tiny.litert, shots, "--out", out, "--top", 5)
    assert code == 1 and text == f"{out}: 8 of 9 pictures.\n"
    assert "w.png is no image" in err and "1 of 9 are not answered." in err
    assert "Files not named like a picture in " in err and ", left out: 1." in err
    with open(out, newline="", errors="surrogateescape") as file:
        header, *rows = csv.reader(file)
    assert header == "path answer probability answer_2 probability_2 answer_3 probability_3".split()
    assert [row[0] for row in rows] == [str(shots / name) for name in ORDER]
    artefact = open_artefact(tiny.litert)
    for path, answer, probability, *_ in rows:
        (expected,) = artefact.predict(artefact.read_image(path)[None])
        assert answer == artefact.class_names[expected.argmax()]
        assert float(probability) == pytest.approx(expected.max(), abs=1e-6)


def test_lines_of_json_hold_all_classes(tiny, shots, run):
    out = shots.parent / "all.jsonl"
    assert run("predict", tiny.litert, shots, "--out", out)[0] == 1
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["image"] for line in lines] == [str(shots / name) for name in ORDER]
    assert {len(line["classes"]) for line in lines} == {3}
    code, text, _ = run("predict", tiny.litert, shots / "b.png", "--out", out, "--json", "--top", 2)
    line = out.read_text()
    assert code == 0 and text == f"{line}{out}: 1 of 1 pictures.\n"
    assert len(json.loads(line)["classes"]) == 2


def test_patterns_files_and_folders_together(tiny, shots, run):
    words = (shots / "**" / "*.png", shots / "a", shots / "[1].png", shots / "*.txt", shots / "no*")
    code, text, err = run("predict", tiny.litert, *words, "--json")
    names = [*ORDER, "a/10.png", "a/9.png", "a/c/1.png", "[1].png"]
    answered = [json.loads(line)["image"] for line in text.splitlines()]
    assert code == 1 and answered == [str(shots / name) for name in names]
    assert f"There is no picture that matches {shots}/*.txt, only other files (1).\n" in err
    assert f"There is no picture that matches {shots}/no*, only other files (1).\n" in err
    assert err.endswith("keras-vit: 3 of 15 are not answered.\n")


def test_nothing_is_written_where_nothing_is_answered(tiny, shots, run, tmp_path, one_line):
    (tmp_path / "empty").mkdir()
    code, text, err = run("predict", tiny.litert, tmp_path / "empty")
    assert (code, text) == (2, "") and "There is no picture in the folder" in one_line(err)
    out = tmp_path / "out" / "p.csv"
    code, _, err = run("predict", tiny.litert, shots / "w.png", "--out", out)
    assert code == 2 and err.endswith(f"No picture is answered: {out} is not written.\n")
    assert not list(out.parent.iterdir())


def test_an_interruption_leaves_the_old_file(tiny, shots, run, monkeypatch):
    out = shots.parent / "p.jsonl"
    out.write_text("old")
    monkeypatch.setattr("keras_vit.cli.predict.images_per_call", lambda shape: 2)
    calls = iter(range(2))

    def rows(*_):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return [{"name": "one", "probability": 0.5}]

    monkeypatch.setattr("keras_vit.cli.predict.rows_of", rows)
    code, text, err = run("predict", tiny.litert, shots, "--out", out)
    assert (code, text) == (130, "") and out.read_text() == "old"
    assert not list(out.parent.glob(".unfinished*"))


def test_what_is_no_image_is_one_line_and_status_2(tiny, tmp_path, run, one_line):
    text = tmp_path / "text.png"
    text.write_text("no image")
    code, out, err = run("predict", tiny.litert, text)
    assert (code, out) == (2, "")
    assert "text.png is no image" in one_line(err)


def test_a_wrong_number_of_channels_is_one_line_and_status_2(tiny, colour, run, one_line):
    code, out, err = run("predict", tiny.litert, colour)
    assert (code, out) == (2, "")
    assert "takes 1 channel" in one_line(err) and "has 3 (RGB)" in err


@pytest.mark.parametrize(
    "words, message",
    [
        (("predict", "nowhere.keras", "image.png"), "There is no model at nowhere.keras"),
        (("predict", "nowhere.keras"), "IMAGES"),
        (("predict", "nowhere.keras", "image.png", "--tpo", "2"), "--tpo"),
        (("predict", "nowhere.keras", "image.png", "--top", "two"), "two"),
        (("predict", "nowhere.keras", "image.png", "--top", "1.5"), "--top takes an integer"),
        (("predict", "nowhere.keras", "image.png", "--top", "0"), "--top must be at least 1"),
        (("predikt",), "predikt"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(run, words, message, one_line):
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert message in one_line(err)


def test_a_damaged_model_is_one_line_and_status_2(tiny, grey, tmp_path, run, one_line):
    path = tmp_path / "cut.keras"
    path.write_bytes(tiny.keras_file.read_bytes()[:5000])
    code, out, err = run("predict", path, grey)
    assert (code, out) == (2, "")
    assert "cannot be read as a model" in one_line(err)


def test_a_picture_named_like_a_list_is_a_picture(tiny, grey, run):
    path = grey.rename(grey.with_name("[1]"))
    code, out, _ = run("predict", tiny.litert, path, path, "--json")
    assert code == 0
    assert [json.loads(line)["image"] for line in out.splitlines()] == [str(path)] * 2


def test_a_picture_without_a_finite_answer_is_named(run, tmp_path, monkeypatch):
    answers = {"probabilities": np.array([[0.25, 0.75], [np.nan] * 2])}
    artefact = Artefact(tmp_path, (8, 8, 3), None, lambda images: answers)
    monkeypatch.setattr("keras_vit.cli.predict.open_artefact", lambda path: artefact)
    paths = [tmp_path / "good.png", tmp_path / "bad.png"]
    for path in paths:
        Image.new("RGB", (8, 8)).save(path)
    code, text, err = run("predict", "m.onnx", *paths, "--json")
    assert code == 1 and len(text.splitlines()) == 1
    assert "bad.png is answered with something that is not a finite number.\n" in err
