"""The evaluation recipe, and the real ImageNet weights on real photographs where they are."""

import csv
import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_vit.checkpoints import load
from keras_vit.cli.evaluate import Config, run
from keras_vit.models import vit
from keras_vit.tasks import classifier, features

WEIGHTS = os.environ.get("KERAS_VIT_WEIGHTS")


@pytest.fixture
def model(tmp_path):
    """A model of three colours, which it cannot tell apart."""
    path = tmp_path / "model.keras"
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


def test_a_model_is_scored_and_reported(tmp_path, model, pictures, capsys):
    result = run(Config(model=model, source=pictures, batch_size=2, out=str(tmp_path / "report")))
    told = capsys.readouterr().out
    assert "on 5 images of" in told and "Left out: " in told and "broken.png" in told
    # In the order of the model's classes, not of the folder's.
    assert sorted(result.labels.tolist()) == [0, 0, 1, 2, 2]
    report = json.loads((tmp_path / "report" / "score.json").read_text())
    assert report["top_1"] == np.mean(result.predictions == result.labels)
    assert report["images"] == 5 and report["top_5"] == 1 and report["source"] == pictures
    with open(tmp_path / "report" / "classes.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["class"], row["images"]) for row in rows] == [
        ("red", "2"),
        ("lime", "1"),
        ("blue", "2"),
    ]
    with Image.open(tmp_path / "report" / "confusion.png") as image:
        assert image.size[0] > 100


def test_what_is_no_classifier_or_sees_other_colours_is_refused(tmp_path, pictures):
    features(vit("mu/4", image_size=8)).save(tmp_path / "features.keras")
    with pytest.raises(ValueError, match="It has no head"):
        run(Config(model=str(tmp_path / "features.keras"), source=pictures))
    classifier(vit("mu/4", image_size=8, channels=1), 3).save(tmp_path / "grey.keras")
    with pytest.raises(ValueError, match="takes 1 channels: the source has 3"):
        run(Config(model=str(tmp_path / "grey.keras"), source=pictures))


def test_an_order_that_is_assumed_is_said(tmp_path, pictures, capsys):
    classifier(vit("mu/4", image_size=8), 3).save(tmp_path / "nameless.keras")
    run(Config(model=str(tmp_path / "nameless.keras"), source=pictures))
    assert "they are taken to be in the order of the source's" in capsys.readouterr().out


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(model=""), "`model` must be given"),
        (dict(source=""), "`source` must be given"),
        (dict(split="dev"), "one of train, test: received 'dev'"),
        (dict(source="digits"), "takes 3 channels: the source has 1"),
        (dict(crop_ratio=0.0), r"`crop_ratio` must lie in \[0.05, 1\]: received 0.0"),
        (dict(crop_ratio=3.0), "received 3.0"),
        (dict(model="none.keras"), "There is no model at none.keras"),
    ],
)
def test_a_mistake_is_a_sentence(model, pictures, changes, message):
    config = dataclasses.replace(Config(model=model, source=pictures), **changes)
    with pytest.raises((ValueError, OSError), match=message):
        run(config)


def test_a_split_without_a_good_picture_is_a_sentence(tmp_path, model, pictures):
    for path in Path(pictures, "test").rglob("*.png"):
        path.write_bytes(b"no picture")
    with pytest.raises(ValueError, match="picture"):
        run(Config(model=model, source=pictures))


@pytest.mark.slow
@pytest.mark.skipif(not WEIGHTS, reason="KERAS_VIT_WEIGHTS names no folder of real weights")
def test_real_weights_on_real_photographs_are_as_right_as_in_timm(tmp_path):
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
    config = Config(model=str(tmp_path / "ti.keras"), source=str(tmp_path / "samples.csv"))
    result = run(dataclasses.replace(config, crop_ratio=0.9))
    assert len(result.labels) == 200
    assert result.top(1) == 162 / 200  # timm 1.0.31, on PIL's decoding and resizing
