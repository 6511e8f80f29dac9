"""What is served comes from the model or a flag; what is judged comes from the data."""

import contextlib
import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from keras_vit import evaluation
from keras_vit.cli import export as export_command
from keras_vit.data import pipeline
from keras_vit.evaluation import Comparison
from keras_vit.export import FORMATS, save_keras
from keras_vit.images.crop import read_image
from keras_vit.images.preprocessing import Preprocessing
from keras_vit.models import vit
from keras_vit.tasks import classifier

KEPT = Preprocessing(crop_ratio=0.9)
BILINEAR = Preprocessing(interpolation="bilinear")
SQUASHED = Preprocessing(crop_ratio=0.7, interpolation="bilinear", fit="squash")

CASES = [
    (SQUASHED, {"crop_ratio": 0.5}),
    (KEPT, {"interpolation": "bilinear"}),
    (BILINEAR, {}),
    (None, {}),
]


def words_of(changes):
    return [word for name, x in changes.items() for word in ("--" + name.replace("_", "-"), x)]


@pytest.fixture
def pictures(tmp_path):
    """A folder of odd-sized pictures of digits' class names, smooth noise."""
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        for number in range(4):
            pixels = rng.integers(0, 256, (9, 7)).astype("uint8")
            image = Image.fromarray(pixels).resize((31 + number, 43), Image.Resampling.BICUBIC)
            place = tmp_path / "pictures" / split / str(number % 2) / f"{number}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            image.convert("RGB").save(place)
    return tmp_path / "pictures"


def save(tmp_path, preprocessing, channels):
    names = [str(digit) for digit in range(10)]
    model = classifier(vit("mu/4", image_size=8, channels=channels), 10, class_names=names)
    save_keras(model, tmp_path / "model.keras", preprocessing=preprocessing)
    return tmp_path / "model.keras"


@pytest.fixture
def exported(tmp_path, run, monkeypatch):
    """Runs the command without converting or comparing; returns what is served, judged and said."""

    def write(model, path, *, class_names, preprocessing):
        path.write_text(json.dumps(preprocessing.to_json()))

    seen = {}

    class NothingAnswers(contextlib.nullcontext):
        def __init__(self, images):
            super().__init__(self)
            seen["images"] = images

        def begin(self, *_):
            pass

    def compare(task, comparing, truth, paths):
        row = Comparison("x", 1, {"accuracy": 0.9}, 0.0, 1.0, 0.0, 0.0, {}, "", {})
        return row, dict.fromkeys(paths, row), {}

    fake = dataclasses.replace(FORMATS["onnx"], write=write, needs=())
    monkeypatch.setitem(FORMATS, "onnx", fake)
    monkeypatch.setattr(evaluation, "Comparing", NothingAnswers)
    monkeypatch.setattr(export_command, "_compared", compare)

    def exported(model, data, *flags):
        words = ["--data", data, "--out", tmp_path / "out", "--to", "onnx", *flags]
        code, _, err = run("export", model, *words)
        assert code == 0, err
        served = Preprocessing.from_json(json.loads((tmp_path / "out" / "1.onnx").read_text()))
        judged = json.loads((tmp_path / "out" / "1.json").read_text())["judged"]
        return served, judged, err, seen["images"]

    return exported


def values(preprocessing):
    return preprocessing.crop_ratio, preprocessing.interpolation, preprocessing.fit


# The first is fast: a flag that goes before what a model remembers.
FEW_FAST = [
    pytest.param(*case, marks=[pytest.mark.slow] if place else [])
    for place, case in enumerate(CASES)
]


@pytest.mark.parametrize("remembered, changes", FEW_FAST)
def test_judged_in_memory_the_model_is_served_as_it_says(tmp_path, exported, remembered, changes):
    served, judged, err, _ = exported(save(tmp_path, remembered, 1), "digits", *words_of(changes))
    assert values(served) == values((remembered or Preprocessing()).but(**changes))
    assert (judged["crop_ratio"], judged["interpolation"], judged["fit"]) == (
        1.0,
        "bilinear",
        "crop",
    )
    assert ("seen whole, without --crop-ratio" in err) == ("crop_ratio" in changes)


@pytest.mark.parametrize("remembered, changes", FEW_FAST)
def test_judged_on_files_what_is_served_is_what_is_judged(
    tmp_path, exported, pictures, remembered, changes
):
    model = save(tmp_path, remembered, 3)
    served, judged, err, images = exported(model, pictures, *words_of(changes))
    expected = (remembered or Preprocessing()).but(**changes, image_size=8)
    assert values(served) == values(expected)
    assert (judged["crop_ratio"], judged["interpolation"], judged["fit"]) == values(expected)
    assert "seen whole" not in err
    check_pixels(pictures, images, expected)


def check_pixels(pictures, images, preprocessing):
    """The images are those that predict reads from the same files, but for single levels."""
    files = sorted((pictures / "test").rglob("*.png"))
    expected = np.stack([read_image(path, preprocessing) for path in files]).astype(int)
    order = [np.abs(expected - image).mean(axis=(1, 2, 3)).argmin() for image in images]
    assert sorted(order) == list(range(len(files)))
    assert np.abs(images.astype(int) - expected[order]).max() <= 1


@pytest.mark.parametrize("remembered, changes", FEW_FAST)
def test_evaluate_and_embed_see_the_pixels_that_predict_sees(
    tmp_path, run, pictures, remembered, changes, monkeypatch
):
    seen, batches_of = [], pipeline.eval_batches

    def eval_batches(split, **options):
        only = {"example": lambda sample: sample["image"], "numbered": False}
        images = batches_of(split, **options | only)
        seen.append(np.concatenate(list(images.as_numpy_iterator())))
        return batches_of(split, **options)

    monkeypatch.setattr(pipeline, "eval_batches", eval_batches)
    model = save(tmp_path, remembered, 3)
    expected = (remembered or Preprocessing()).but(**changes, image_size=8)
    flags = words_of(changes)
    code, _, err = run("evaluate", model, "--data", pictures, "--out", tmp_path / "r", *flags)
    assert code == 0, err
    check_pixels(pictures, seen.pop(), expected)
    report = json.loads((tmp_path / "r" / "score.json").read_text())
    assert (report["crop_ratio"], report["interpolation"]) == values(expected)[:2]
    words = ["--model", model, "--out", tmp_path / "x.npz", "--neighbours", 1, *flags]
    code, _, err = run("embed", pictures, *words)
    assert code == 0, err
    check_pixels(pictures, seen.pop(), expected)


def test_a_flag_that_changes_nothing_in_memory_is_said_to(tmp_path, run):
    model = save(tmp_path, KEPT, 1)
    said = "digits is in memory: its images are of one size and are seen whole, without"
    words = ["--crop-ratio", "0.5", "--interpolation", "bicubic"]
    _, _, err = run("evaluate", model, "--data", "digits", *words)
    assert f"{said} --crop-ratio or --interpolation." in err
    _, _, err = run("embed", "digits", "--model", model, "--out", tmp_path / "x.npz", *words[:2])
    assert f"{said} --crop-ratio." in err
    for flags in ([], ["--crop-ratio", "1.0", "--interpolation", "bilinear"]):
        _, _, err = run("evaluate", model, "--data", "digits", *flags)
        assert said not in err
