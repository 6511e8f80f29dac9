"""The recipe of detection, on pictures of coloured rectangles."""

import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import recipes.detect
from keras_vit.errors import UserError
from keras_vit.export import save_keras
from keras_vit.models import vit
from keras_vit.tasks import classifier

pytest.importorskip("faster_coco_eval", reason="the extra [detect] is missing")
XML = """<annotation><size><width>40</width><height>32</height></size>{}</annotation>"""
OBJECT = """<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax>
<ymax>{}</ymax></bndbox></object>"""


def make_rectangles(folder):
    """Writes pictures with one red or green rectangle each, and one picture with none."""
    rng = np.random.default_rng(0)
    for name, count in {"train": 8, "val": 4, "test": 5}.items():
        (folder / name).mkdir(parents=True)
        for index in range(count):
            pixels, objects = rng.integers(0, 60, (32, 40, 3)).astype("uint8"), ""
            if index:
                kind, (left, top) = index % 2, rng.integers(1, 16, 2)
                pixels[top - 1 : top + 14, left - 1 : left + 16, kind] += 180
                objects = OBJECT.format(("red", "green")[kind], left, top, left + 16, top + 14)
            Image.fromarray(pixels).save(folder / name / f"{index}.png")
            (folder / name / f"{index}.xml").write_text(XML.format(objects))
    return str(folder)


@pytest.fixture
def places(tmp_path):
    keras.utils.set_random_seed(0)
    save_keras(classifier(vit("mu/8", image_size=16), 3), tmp_path / "weights.keras")
    return dict(
        data=make_rectangles(tmp_path / "rectangles"),
        weights=str(tmp_path / "weights.keras"),
        run_dir=str(tmp_path / "run"),
        export_dir=str(tmp_path / "exports"),
    )


def test_what_cannot_be_is_one_sentence(tmp_path):
    given = dict(data=str(tmp_path), weights="vit.keras", run_dir=str(tmp_path / "run"))
    for changes, message in (
        (dict(data=""), "`data` must be given"),
        (dict(scales=(1.4, 0.7)), r"a smallest and a largest: received \(1.4, 0.7\)"),
        (dict(threshold=2.0), r"`threshold` must lie in \[0, 1\]: received 2"),
        (dict(head="tokens", window=1), "Tokens see no windows: received window=1"),
        (dict(mosaic=-0.5), r"`mosaic` must lie in \[0, 1\]: received -0.5"),
        (dict(mosaic=0.5, batch_size=6), "must be divisible by four: received 6"),
        (dict(box_weight=0.0), r"`box_weight` must lie in \(0, inf\): received 0"),
        (dict(augment="rand-augment"), "must move no pixel"),
    ):
        config = dataclasses.replace(recipes.detect.SMOKE[0], **(given | changes))
        with pytest.raises(UserError, match=message):
            config.check()
            recipes.detect.run(config)


def test_a_set_without_boxes_is_one_sentence(tmp_path):
    config = dataclasses.replace(recipes.detect.SMOKE[0], data="digits", weights="vit.keras")
    with pytest.raises(UserError, match="needs boxes"):
        recipes.detect.run(config)


def check_delivered(folder, out):
    results = json.loads((folder / "results.json").read_text())
    assert results["test_images"] == 5 and 0 <= results["test_mAP"] <= 1
    assert "Test mAP: " in out and "is the best, with mAP " in out and "val_mAP50: " in out
    assert (folder / "answers.png").exists()
    page = (folder / "report.html").read_text("utf-8")
    assert "A training picture" in page and 'alt="answer of number ' in page
    return results


@pytest.mark.slow
def test_a_detection_trains_watches_exports_and_compares(places, tmp_path, capsys):
    config = dataclasses.replace(recipes.detect.SMOKE[0], **places, xla="off")
    rows = recipes.detect.run(config)
    assert [Path(row.artefact).name for row in rows] == ["best.keras", "1", "1.tflite"]
    assert all(row.difference < 1e-5 and not row.broken for row in rows)
    results = check_delivered(tmp_path / "run", capsys.readouterr().out)
    assert results["test_mAP"] == rows[0].figures["mAP"]


@pytest.mark.slow
def test_tokens_train_and_are_scored(places, tmp_path, capsys):
    config = dataclasses.replace(recipes.detect.SMOKE[1], **places, xla="off", export=False)
    assert recipes.detect.run(config) == []
    check_delivered(tmp_path / "run", capsys.readouterr().out)
