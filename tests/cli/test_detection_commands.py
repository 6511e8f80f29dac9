"""What the commands do with a model of detection."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from keras_vit.cli.open_model import open_exportable
from keras_vit.cli.rows import answers_file
from keras_vit.inference import open_artefact
from keras_vit.tasks import deploy

pytest.importorskip("faster_coco_eval", reason="the extra [detect] is missing")
NAMES = ["cat", "dog", "N/A", "owl"]
GOLDEN = Path(__file__).parents[1] / "golden"
XML = """<annotation><size><width>48</width><height>32</height></size>
<object><name>{}</name><bndbox><xmin>5</xmin><ymin>5</ymin><xmax>{}</xmax><ymax>24</ymax></bndbox>
</object></annotation>"""


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("data") / "pets", np.random.default_rng(0)
    for name in ("train", "test"):
        (folder / name).mkdir(parents=True)
        for index in range(3):
            pixels = rng.integers(0, 256, (32, 48, 3)).astype("uint8")
            Image.fromarray(pixels).save(folder / name / f"{index}.png")
            text = XML.format(("cat", "dog")[index % 2], 30 + index)
            (folder / name / f"{index}.xml").write_text(text)
    return folder


def test_predict_lists_and_draws_boxes_where_they_are_on_the_whole_picture(
    cats, pets, run, tmp_path
):
    picture, drawn = pets / "test" / "0.png", tmp_path / "drawn"
    code, out, err = run("predict", cats, picture, "--out", drawn, "--json")
    assert (code, err) == (0, "")
    rows = json.loads(out)["classes"]
    artefact = open_artefact(cats)
    answer = artefact.answer(artefact.read_image(picture)[None])
    sure = answer["scores"][0] >= 0.5
    assert len(rows) == sure.sum() > 3
    assert {row["name"] for row in rows} == {"cat"}
    corners = [[row[side] for side in ("x_min", "y_min", "x_max", "y_max")] for row in rows]
    np.testing.assert_allclose(corners, 2 * answer["boxes"][0][sure], atol=1e-4)  # of half its size
    assert [path.name for path in drawn.iterdir()] == ["0-boxes.png"]
    with Image.open(drawn / "0-boxes.png") as image:
        assert image.size == (48, 32)
    code, out, _ = run("predict", cats, picture)
    assert code == 0 and "score" in out and out.count("cat") == len(rows)
    code, out, _ = run("predict", cats, picture, "--top", 1, "--json")
    assert json.loads(out)["classes"] == rows[:1]


def test_a_threshold_chooses_the_boxes(cats, pets, tiny, run, tmp_path):
    picture = pets / "test" / "0.png"

    def listed(threshold):
        _, out, _ = run("predict", cats, picture, "--json", "--threshold", threshold)
        return json.loads(out)["classes"]

    assert listed(1) == [] and len(listed(0.7)) < len(listed(0.5)) < len(listed(0.01))
    code, out, _ = run("predict", cats, picture, "--threshold", 1)
    assert code == 0 and "nothing" in out
    code, _, err = run("predict", cats, picture, "--threshold", 2)
    assert code == 2 and "`threshold` must lie in [0, 1]: received 2" in err
    code, _, err = run("predict", tiny.litert, picture, "--threshold", 0.5)
    assert code == 2 and "received 0.5 for one of the task classification" in err


def test_a_table_has_its_columns_though_the_first_picture_has_no_box(tmp_path):
    box = {"name": "cat", "index": 0, "score": 0.9}
    for answers, expected in (
        ([[], [box], []], [["path", "answer", "score"], ["0", "", ""], ["1", "cat", "0.9"]]),
        ([[]], [["path", "answer"], ["0", ""]]),
    ):
        with answers_file(tmp_path / "boxes.csv", 1) as add:
            for place, classes in enumerate(answers):
                add(place, classes)
        with open(tmp_path / "boxes.csv", newline="") as file:
            rows = list(csv.reader(file))
        assert rows[: len(expected)] == expected and len(rows) == 1 + len(answers)


@pytest.mark.slow
def test_evaluate_prints_the_mean_average_precision(cats, pets, run, tmp_path):
    code, out, err = run("evaluate", cats, "--data", pets, "--out", tmp_path / "score")
    assert code == 0, err
    assert "mAP " in out and "mAP50 " in out and "lowest AP first" in out
    score = json.loads((tmp_path / "score" / "score.json").read_text())
    assert score["images"] == 3 and 0 <= score["mAP"] <= score["mAP50"] <= 1
    with open(tmp_path / "score" / "classes.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["class"], row["boxes"]) for row in rows] == [("cat", "2"), ("dog", "1")]
    with open(tmp_path / "score" / "predictions.csv", newline="") as file:
        assert [row["score"] != "" for row in csv.DictReader(file)] == [True] * 3
    assert {"ap.png", "worst.png", "report.html"} <= {
        x.name for x in (tmp_path / "score").iterdir()
    }


@pytest.fixture
def yolos(tmp_path):
    """A folder as Hugging Face writes it."""
    folder = tmp_path / "yolos"
    folder.mkdir()
    with np.load(GOLDEN / "hf_yolos.npz") as archive:
        names = [name for name in archive.files if name.startswith("weights/")]
        arrays = {name.removeprefix("weights/"): archive[name].astype("float32") for name in names}
    save_file(arrays, folder / "model.safetensors")
    known = {"model_type": "yolos", "num_attention_heads": 2, "image_size": [16, 24]}
    known["id2label"] = dict(enumerate(NAMES))
    (folder / "config.json").write_text(json.dumps(known))
    return folder


def test_a_yolos_of_hugging_face_is_opened_as_a_detector(yolos):
    deployed = deploy(open_exportable(yolos))
    assert (deployed.task, deployed.class_names) == ("detection", NAMES)
    arrays = load_file(yolos / "model.safetensors")
    headless = {name: x for name, x in arrays.items() if name.startswith("vit.")}
    save_file(headless, yolos / "model.safetensors")
    assert deploy(open_exportable(yolos)).task == "embedding"


@pytest.mark.slow
def test_a_yolos_of_hugging_face_is_exported(yolos, pets, run, tmp_path):
    words = ["--data", pets, "--to", "tflite", "--images", 3, "--out", tmp_path / "out"]
    code, out, err = run("export", yolos, *words)
    assert code == 0 and "mAP" in out, err
    artefact = open_artefact(tmp_path / "out" / "1.tflite")
    assert (artefact.task, artefact.class_names) == ("detection", tuple(NAMES))
    assert artefact.answer(np.zeros((1, 16, 24, 3), "uint8"))["boxes"].shape == (1, 3, 4)
