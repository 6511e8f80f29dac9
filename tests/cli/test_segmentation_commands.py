"""What the commands do with a model of segmentation."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from forked import Program
from PIL import Image
from random_models import randomised

from keras_vit.cli.open_model import open_exportable
from keras_vit.export import save_keras
from keras_vit.images.preprocessing import Preprocessing
from keras_vit.models import vit
from keras_vit.tasks import segmentation, segmenter

NAMES = ("road", "sky", "tree")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    keras.utils.set_random_seed(0)
    trained = randomised(segmenter(vit("mu/8", image_size=16), 3))
    path = tmp_path_factory.mktemp("model") / "streets.keras"
    deployed = segmentation(NAMES, void=255, size=(16, 24), enlarge=1.6).deploy(trained)
    save_keras(deployed, path, preprocessing=Preprocessing(fit="squash"))
    return path


@pytest.fixture(scope="module")
def streets(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("data") / "streets", np.random.default_rng(0)
    for name in ("train", "test"):
        for index in range(5):
            for part, shape, most in (("images", (16, 24, 3), 256), ("masks", (16, 24), 3)):
                array = rng.integers(0, most, shape).astype("uint8")
                if part == "masks":
                    array[0] = 255
                path = folder / name / part / f"{index}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(array).save(path)
    return folder


def test_predict_lists_areas_and_draws_the_mask_and_an_overlay(model, streets, run, tmp_path):
    pictures = sorted((streets / "test" / "images").iterdir())[:2]
    code, out, err = run("predict", model, *pictures, "--out", tmp_path / "drawn", "--json")
    assert (code, err) == (0, "")
    first = json.loads(out.splitlines()[0])
    assert sum(row["area"] for row in first["classes"]) == pytest.approx(1)
    assert {row["name"] for row in first["classes"]} <= set(NAMES)
    names = sorted(path.name for path in (tmp_path / "drawn").iterdir())
    assert names == ["0-mask.png", "0-overlay.png", "1-mask.png", "1-overlay.png"]
    with Image.open(tmp_path / "drawn" / "0-mask.png") as mask:
        ids = np.asarray(mask)
        assert mask.mode == "P" and mask.size == (24, 16)
    best = first["classes"][0]
    assert (ids == best["index"]).mean() == pytest.approx(best["area"])
    code, out, _ = run("predict", model, pictures[0])
    assert code == 0 and "area" in out
    shares = tmp_path / "shares.jsonl"
    assert run("predict", model, streets / "test" / "images", "--out", shares)[0] == 0
    lines = [json.loads(line) for line in shares.read_text().splitlines()]
    assert len(lines) == 5 and lines[0] == first | {"classes": lines[0]["classes"]}
    assert sum(row["area"] for row in lines[0]["classes"]) == pytest.approx(1)
    everything = tmp_path / "all"
    assert run("predict", model, streets / "test", "--out", everything)[0] == 0
    names = {path.relative_to(everything).as_posix() for path in everything.rglob("*.png")}
    assert {"images/0-mask.png", "masks/0-overlay.png"} < names and len(names) == 20
    clash = streets / "test" / "images" / "0.png", streets / "train" / "images" / "0.png"
    code, _, err = run("predict", model, *clash, "--out", everything)
    assert code == 2 and "must differ in their names below the folder" in err


def test_a_classifier_draws_nothing(tiny, run, tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "grey.png")
    code, _, err = run("predict", tiny.litert, tmp_path / "grey.png", "--out", tmp_path / "drawn")
    assert code == 2 and "classification draws none" in err


def test_evaluate_scores_masks_and_writes_the_figures_of_each_class(model, streets, run, tmp_path):
    code, out, _ = run("evaluate", model, "--data", streets, "--out", tmp_path / "score")
    assert code == 0 and "mean iou " in out and "lowest iou first" in out
    score = json.loads((tmp_path / "score" / "score.json").read_text())
    assert score["images"] == 5 and 0 < score["mean_iou"] < score["pixel_accuracy"] < 1
    with open(tmp_path / "score" / "classes.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == list(NAMES)
    assert sum(int(row["pixels"]) for row in rows) == 5 * 15 * 24
    with open(tmp_path / "score" / "predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [Path(row["path"]).name for row in rows] == [f"{index}.png" for index in range(5)]
    accuracy = np.mean([float(row["score"]) for row in rows])  # equally many pixels in each
    assert accuracy == pytest.approx(score["pixel_accuracy"])
    assert (tmp_path / "score" / "iou.png").exists()
    with Image.open(tmp_path / "score" / "worst.png") as sheet:  # five rows of three
        assert sheet.height > sheet.width
    page = (tmp_path / "score" / "report.html").read_text("utf-8")
    assert page.count('alt="answer of number ') == 5 and "Intervals of a bootstrap" in page


def test_evaluate_says_that_a_set_has_no_masks(model, run, tmp_path):
    for name in ("train/a", "train/b", "test/a", "test/b"):
        (tmp_path / "classes" / name).mkdir(parents=True)
        Image.new("RGB", (24, 16)).save(tmp_path / "classes" / name / "0.png")
    code, _, err = run("evaluate", model, "--data", tmp_path / "classes")
    assert code == 2 and "`evaluate` needs masks, and the pictures of classes have none." in err


def test_an_id_without_a_name_is_one_sentence(model, streets, run, tmp_path):
    copy = tmp_path / "streets"
    shutil.copytree(streets, copy)
    Image.fromarray(np.full((16, 24), 7, "uint8")).save(copy / "test" / "masks" / "3.png")
    code, _, err = run("evaluate", model, "--data", copy)
    assert code == 2 and "lie in [0, 3) or be the void 255: received 7, which belongs" in err


@pytest.mark.parametrize("head", ["linear", "masks", "side"])
def test_a_model_without_windows_is_opened_for_export(head, tmp_path):
    deployed = segmentation(NAMES).deploy(segmenter(vit("mu/8", image_size=16), 3, head=head))
    save_keras(deployed, tmp_path / "model.keras")
    assert open_exportable(tmp_path / "model.keras").output.keys() == {"mask"}


@pytest.mark.slow
def test_a_process_of_its_own_knows_the_layers(model, streets, tmp_path):
    """The file holds windows, whose module nothing else has imported there."""
    picture = streets / "test" / "images" / "0.png"
    code = "from keras_vit.cli.main import main; main()"
    command = [sys.executable, "-c", code, "predict", str(model), str(picture)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    load = tmp_path / "load.py"
    load.write_text("import keras, keras_vit, sys; keras.saving.load_model(sys.argv[1])")
    done = Program(load, model).wait()
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_export_compares_masks(model, streets, run, tmp_path):
    out = tmp_path / "streets"
    words = ["--data", streets, "--out", out, "--to", "savedmodel,tflite,tflite-int8,onnx"]
    code, printed, err = run("export", model, *words)
    assert code == 0, err
    assert "mean iou" in (out / "1.md").read_text()
    assert "decisions" in printed  # a heading of the table, broken into lines
    report = json.loads((out / "1.json").read_text())
    assert [row["agreement"] > 0.99 for row in report["artefacts"]] == [True] * 5
    code, printed, _ = run("predict", out / "1.tflite", streets / "test" / "images" / "0.png")
    assert code == 0 and any(name in printed for name in NAMES)
