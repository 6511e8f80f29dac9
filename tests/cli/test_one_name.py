"""ImageNet has two classes called crane: from an import through exports to an evaluation."""

import csv
import json

import pytest
from PIL import Image

from keras_vit.models import vit
from keras_vit.tasks import classifier

NAMES = ["crane", "ox", "crane"]
SHOWN = ["crane (0)", "ox", "crane (2)"]


@pytest.mark.slow
def test_two_classes_of_one_name(tmp_path, run):
    classifier(vit("mu/4", image_size=8), 3).save(tmp_path / "nameless.keras")
    (tmp_path / "names.txt").write_text("\n".join(NAMES))
    model = tmp_path / "model.keras"
    words = ("--out", model, "--num-classes", 3, "--class-names", tmp_path / "names.txt")
    assert run("import", tmp_path / "nameless.keras", *words)[0] == 0
    for split in ("train", "test"):
        for number, colour in enumerate(("red", "lime", "blue")):
            path = tmp_path / "set" / split / str(number) / "0.png"
            path.parent.mkdir(parents=True)
            Image.new("RGB", (8, 8), colour).save(path)
    out = tmp_path / "exports"
    words = ("--data", tmp_path / "set", "--to", "savedmodel,tflite", "--out", out)
    code, _, err = run("export", model, *words)
    assert code == 0, err
    assert (out / "1" / "assets.extra" / "labels.txt").read_text().splitlines() == NAMES
    for path in (model, out / "1", out / "1.tflite"):
        code, text, _ = run("predict", path, tmp_path / "set" / "test" / "0" / "0.png", "--json")
        classes = sorted((each["index"], each["name"]) for each in json.loads(text)["classes"])
        assert code == 0 and classes == [*enumerate(SHOWN)]
    report = tmp_path / "report"
    code, _, err = run("evaluate", out / "1.tflite", "--data", tmp_path / "set", "--out", report)
    assert code == 0, err
    for name, column in (("predictions", "truth"), ("classes", "class")):
        with open(report / f"{name}.csv", newline="") as file:
            assert [row[column] for row in csv.DictReader(file)] == SHOWN
