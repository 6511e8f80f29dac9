"""`keras-vit evaluate`, and the real ImageNet weights on real photographs where they are."""

import csv
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from thinned import thinned

from keras_vit.checkpoints import load
from keras_vit.cli.evaluate import _speed
from keras_vit.data import SequentialSplit, Source
from keras_vit.export import save_keras
from keras_vit.models import vit
from keras_vit.tasks import classifier, features

WEIGHTS = os.environ.get("KERAS_VIT_WEIGHTS")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model of three colours, which it cannot tell apart."""
    path = tmp_path_factory.mktemp("model") / "model.keras"
    names = ["red", "lime", "blue"]
    classifier(vit("mu/4", image_size=8), 3, class_names=names).save(path)
    return str(path)


@pytest.fixture
def pictures(tmp_path):
    for number, name in enumerate(["blue", "red", "lime", "blue", "red"]):
        folder = tmp_path / "pictures" / "test" / name
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 30), name).save(folder / f"{number}.png")
        (tmp_path / "pictures" / "train" / name).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 30), name).save(
            tmp_path / "pictures" / "train" / name / f"{number}.png"
        )
    (tmp_path / "pictures" / "test" / "red" / "broken.png").write_bytes(b"no picture")
    return str(tmp_path / "pictures")


def test_a_model_is_scored_and_reported(tmp_path, run, model, pictures):
    report = tmp_path / "report"
    status, out, err = run(
        "evaluate", model, "--data", pictures, "--batch-size", 2, "--out", report
    )
    assert status == 0 and err.startswith("pictures: 3 classes (blue, lime, red), ")
    assert "on 5 images of" in out and "Left out: " in out and "broken.png" in out
    written = json.loads((report / "score.json").read_text())
    assert written["images"] == 5 and written["data"] == pictures
    assert "top_5" not in written and "top 5" not in out  # of three classes it is always 1
    with open(report / "classes.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    # In the order of the model's classes, not of the folder's.
    assert [(row["class"], row["images"]) for row in rows] == [
        ("red", "2"),
        ("lime", "1"),
        ("blue", "2"),
    ]
    right = sum(float(row["recall"]) * int(row["images"]) for row in rows)
    assert written["accuracy"] == pytest.approx(right / 5)
    with Image.open(report / "confusion.png") as image:
        assert image.size[0] > 100
    page = (report / "report.html").read_text("utf-8")
    assert f"{written['accuracy']:.2%} <small>accuracy" in page and "95&nbsp;% interval " in page
    with open(report / "predictions.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    wrong = {Path(row["path"]).name for row in rows if row["truth"] != row["answer"]}
    assert wrong and all(f'<div class="file"><bdi class="name">{name}' in page for name in wrong)
    assert page.count('class="file"') == len(wrong)
    assert "1 of the pictures could not be read." in page and "keras-vit evaluate " in page
    assert str(tmp_path) not in page


def predictions_in(folder):
    with open(folder / "predictions.csv", newline="", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


def test_each_picture_has_a_row_whatever_its_name(tmp_path, run, model):
    """One class only, without splits; a broken picture has no row, and moves no other one."""
    folder, names = tmp_path / "set" / "lime", ["a\nb.png", 'a,"b".png', "b\udcff.png", "d.png"]
    folder.mkdir(parents=True)
    for name in names:
        Image.new("RGB", (8, 8), "lime").save(folder / name)
    (folder / "c.png").write_bytes(b"no picture")
    status, out, err = run(
        "evaluate", model, "--data", folder.parent, "--batch-size", 2, "--out", tmp_path / "report"
    )
    assert status == 0 and "on 4 images of" in out and "c.png" in out
    assert "There are no splits: all 5 pictures are judged." in err
    rows = predictions_in(tmp_path / "report")
    assert [row["path"] for row in rows] == [str(folder / name) for name in names]
    ((truth, answer),) = {(row["truth"], row["answer"]) for row in rows}  # all are of one colour
    assert truth == "lime" and answer in ("red", "lime", "blue")
    assert all(1 / 3 <= float(row["probability"]) < 1 for row in rows)
    assert "score.json, predictions.csv, classes.csv, confusion.png" in out


@pytest.mark.parametrize(
    "names, words, message",
    [
        (
            ["red/0.png", "pink/1.png"],
            [],
            r"model's 3 \(red, lime, blue\), by .*received pink\.",
        ),
        (["0.png"], [], "`evaluate` needs labels, and the pictures of set have none."),
        (["red/0.png"], ["--split", "test"], "--split must be one of all: received 'test'."),
        (["val/red/1.png", "dev/red/0.png"], [], "A split must have one name"),
    ],
)
def test_a_source_that_cannot_be_judged_is_a_sentence(tmp_path, run, model, names, words, message):
    for name in names:
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)
    report = tmp_path / "report"
    status, out, err = run("evaluate", model, "--data", tmp_path / "set", "--out", report, *words)
    assert (status, out) == (2, "") and re.search(message, err), err
    assert not report.exists()


def test_classes_of_one_name_are_told_apart(tmp_path, run):
    """ImageNet has two cranes and two maillots."""
    names = ["crane", "ox", "crane"]
    save_keras(classifier(vit("mu/4", image_size=8), 3, class_names=names), tmp_path / "m.keras")
    for number in range(3):
        path = tmp_path / "set" / str(number) / "0.png"
        path.parent.mkdir(parents=True)
        Image.new("RGB", (8, 8), ["red", "lime", "blue"][number]).save(path)
    words = ("evaluate", tmp_path / "m.keras", "--data", tmp_path / "set")
    status, out, _ = run(*words, "--out", tmp_path / "report")
    assert status == 0 and "crane (0)" in out and "crane (2)" in out
    rows = predictions_in(tmp_path / "report")
    assert [row["truth"] for row in rows] == ["crane (0)", "ox", "crane (2)"]
    for number, name in enumerate(("crane", "ox", "cat")):
        (tmp_path / "set" / str(number)).rename(tmp_path / "set" / name)
    (tmp_path / "set" / "cat").rename(tmp_path / "cat")
    status, _, err = run(*words)
    assert status == 2 and "crane names 1 of the data and 2 (0, 2) of the model." in err


def test_the_training_split_can_be_asked_for(run, model, pictures):
    status, out, _ = run("evaluate", model, "--data", pictures, "--split", "train")
    assert status == 0 and f"on 5 images of {pictures}, train: accuracy " in out


def test_what_is_no_classifier_or_sees_other_colours_is_refused(tmp_path, run, one_line, pictures):
    features(vit("mu/4", image_size=8)).save(tmp_path / "features.keras")
    status, _, err = run("evaluate", tmp_path / "features.keras", "--data", pictures)
    assert status == 2 and "features have none: " in one_line(err)
    classifier(vit("mu/4", image_size=8, channels=1), 3).save(tmp_path / "grey.keras")
    status, _, err = run("evaluate", tmp_path / "grey.keras", "--data", pictures)
    assert status == 2 and "takes 1 channels: the source has 3" in one_line(err)


def test_an_order_that_is_assumed_is_said(tmp_path, run, pictures):
    classifier(vit("mu/4", image_size=8), 3).save(tmp_path / "nameless.keras")
    status, out, _ = run("evaluate", tmp_path / "nameless.keras", "--data", pictures)
    assert status == 0 and "they are taken to be in the order of the source's" in out


@pytest.mark.parametrize(
    "words, message",
    [
        ([], "requires"),
        (["--data", ""], "A source must have a name"),
        (["--data", "PICTURES", "--split", "dev"], "one of train, test: received 'dev'"),
        (["--data", "digits"], "takes 3 channels: the source has 1"),
        (["--data", "PICTURES", "--crop-ratio", 0], "must lie in [0.05, 1]: received 0.0"),
        (["--data", "PICTURES", "--crop-ratio", 3], "received 3.0"),
        (["--data", "PICTURES", "--batch-size", 0], "--batch-size must be at least 1: received 0"),
        (["--data", "PICTURES", "--out", __file__], "--out must be a folder: "),
    ],
)
def test_a_mistake_is_a_sentence(run, one_line, model, pictures, words, message):
    words = [pictures if word == "PICTURES" else word for word in words]
    status, out, err = run("evaluate", model, *words)
    assert status == 2 and message in one_line(err) and out == ""


def test_a_model_that_is_not_there_is_a_sentence(run, one_line, pictures):
    status, _, err = run("evaluate", "none.keras", "--data", pictures)
    assert status == 2 and "There is no model at none.keras" in one_line(err)


@pytest.mark.parametrize("wrong", thinned([-1, 3], fast=1))
def test_a_label_that_is_no_class_judges_nothing(run, one_line, model, monkeypatch, wrong):
    picture = tf.io.encode_png(np.zeros((8, 8, 3), "uint8")).numpy()
    samples = {"image": [picture] * 3, "label": np.array([0, wrong, 1])}
    stream = tf.data.Dataset.from_tensor_slices(samples)
    row = SequentialSplit(3, lambda **_: stream)
    source = Source("row", ("blue", "lime", "red"), {"test": row})
    monkeypatch.setattr("keras_vit.data.sources.open_source", lambda *_, **__: source)
    status, out, err = run("evaluate", model, "--data", "row")
    assert (status, out) == (2, "") and f"[0, 3): received {wrong}, which" in one_line(err)


def test_a_split_without_a_good_picture_is_a_sentence(run, one_line, model, pictures):
    for path in Path(pictures, "test").rglob("*.png"):
        path.write_bytes(b"no picture")
    status, _, err = run("evaluate", model, "--data", pictures)
    assert status == 2 and "picture" in one_line(err)


@pytest.mark.slow
@pytest.mark.skipif(not WEIGHTS, reason="KERAS_VIT_WEIGHTS names no folder of real weights")
def test_real_weights_on_real_photographs_are_as_right_as_in_timm(tmp_path, run):
    """One image of each of 200 classes, likely of the training set: no benchmark."""
    folder = Path(WEIGHTS)
    name = "vit_tiny_patch16_224.augreg_in21k_ft_in1k.safetensors"
    load(folder / name).save(tmp_path / "ti.keras")
    samples = folder.parent / "imagenet_samples"
    with (
        open(samples / "labels.csv", encoding="utf-8") as file,
        open(tmp_path / "samples.csv", "w", encoding="utf-8") as table,
    ):
        table.write("path,label,split\n")
        for row in csv.DictReader(file):
            path = samples / "images" / f"{row['file'].removesuffix('.jpg')}.jpg"
            table.write(f"{path},{row['label']},test\n")
            table.write(f"{path},{row['label']},train\n")
    words = ("--data", tmp_path / "samples.csv", "--crop-ratio", 0.9, "--out", tmp_path / "report")
    assert run("evaluate", tmp_path / "ti.keras", *words)[0] == 0
    report = json.loads((tmp_path / "report" / "score.json").read_text())
    assert report["images"] == 200
    # timm 1.0.31, on PIL's decoding and resizing
    assert np.isclose(report["accuracy"], 162 / 200)


@pytest.mark.parametrize("speed, text", [(1234.5, "1,234"), (10.4, "10"), (0.0648, "0.065")])
def test_a_slow_model_has_a_speed_too(speed, text):
    assert _speed(speed) == text
