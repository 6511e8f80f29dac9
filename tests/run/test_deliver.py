"""What a recipe says at its end of a split that is sorted by class and larger than its limit."""

import contextlib
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_vit.data import centre_crop, eval_batches, from_folder
from keras_vit.data.sources import SequentialSplit
from keras_vit.evaluation import Comparison
from keras_vit.images.preprocessing import Preprocessing
from keras_vit.models import vit
from keras_vit.run import compared_exports
from keras_vit.run import deliver as module
from keras_vit.run import judge as judging
from keras_vit.run.gallery import pick_samples
from keras_vit.run.judge import judge
from keras_vit.tasks import classification, classifier, deploy

CLASSES, EACH, SIDE = 12, 10, 8
NAMES = [f"class {label:02d}" for label in range(CLASSES)]
TASK = classification(NAMES)
BYTES = SIDE * SIDE * 3  # of an image


@dataclasses.dataclass
class Config:
    run_dir: str
    export_dir: str
    seed: int
    export: bool = True


@pytest.fixture
def source(tmp_path):
    """A folder of twelve classes whose colour is their number."""
    for split in ("train", "test"):
        for label in range(CLASSES):
            folder = tmp_path / "colours" / split / f"class {label:02d}"
            folder.mkdir(parents=True)
            for index in range(EACH):
                Image.new("RGB", (SIDE, SIDE), (20 * label,) * 3).save(folder / f"{index}.png")
    return from_folder(tmp_path / "colours")


@pytest.fixture
def model():
    return classifier(vit("mu/4", image_size=SIDE), CLASSES, class_names=NAMES)


def batches_of(split):
    def crop(encoded, key):
        return centre_crop(encoded, key, preprocessing=Preprocessing(image_size=SIDE))

    return eval_batches(split, batch_size=16, crop=crop)


def expected(model, source):
    """Labels and predictions of the whole test split."""
    colours = np.repeat(20 * np.arange(CLASSES), EACH)
    images = np.broadcast_to(colours[:, None, None, None], (len(colours), SIDE, SIDE, 3))
    return colours // 20, model.predict(images, verbose=0).argmax(axis=-1)


def test_all_images_are_scored_and_some_of_all_classes_kept(source, model, monkeypatch):
    monkeypatch.setattr(judging, "LIMIT", 60 * BYTES)
    judged = judge(TASK, deploy(model), batches_of(source.splits["test"]), seed=0)
    labels, predictions = expected(model, source)
    assert judged.result.figures["accuracy"] == (labels == predictions).mean()
    assert judged.result.count == len(labels)
    probabilities = judged.answers["probabilities"]
    assert judged.images.shape == (60, SIDE, SIDE, 3) and probabilities.shape == (60, 12)
    assert set(judged.truth) == set(range(CLASSES))
    np.testing.assert_array_equal(judged.images[:, 0, 0, 0], 20 * judged.truth)
    again = judge(TASK, deploy(model), batches_of(source.splits["test"]), seed=0)
    np.testing.assert_array_equal(judged.truth, again.truth)
    other = judge(TASK, deploy(model), batches_of(source.splits["test"]), seed=1)
    assert (judged.truth != other.truth).any()


def test_a_split_within_the_limit_is_kept_whole_and_in_its_order(source, model, monkeypatch):
    monkeypatch.setattr(judging, "LIMIT", CLASSES * EACH * BYTES)
    judged = judge(TASK, deploy(model), batches_of(source.splits["test"]), seed=0)
    np.testing.assert_array_equal(judged.truth, expected(model, source)[0])
    np.testing.assert_array_equal(
        judged.answers["probabilities"].argmax(-1), expected(model, source)[1]
    )


def test_a_stream_that_is_sorted_by_class_is_drawn_from_to_its_end(source, model, monkeypatch):
    monkeypatch.setattr(judging, "LIMIT", 60 * BYTES)
    split = source.splits["test"]

    def stream(seed=None, worker=0, workers=1):
        return tf.data.Dataset.range(split.count).map(split.read)

    judged = judge(TASK, deploy(model), batches_of(SequentialSplit(split.count, stream)), seed=0)
    assert judged.result.count == CLASSES * EACH and set(judged.truth) == set(range(CLASSES))


def test_pictures_that_cannot_be_read_are_not_counted(tmp_path, source, model, monkeypatch):
    monkeypatch.setattr(judging, "LIMIT", BYTES)  # one image
    for path in (tmp_path / "colours" / "test" / "class 11").iterdir():
        path.write_bytes(b"no picture")
    judged = judge(TASK, deploy(model), batches_of(source.splits["test"]), seed=0)
    assert judged.result.count == (CLASSES - 1) * EACH and len(judged.truth) == 1


@pytest.mark.parametrize(
    "counts, picked",
    [
        ([5] * 10, [1] * 10),
        ([500, 1, 1], [8, 1, 1]),
        ([4, 4], [4, 4]),
        ([100] * 2, [5, 5]),
        ([1, 100, 1], [1, 8, 1]),
        ([3], [3]),
    ],
)
def test_samples_are_of_all_classes(counts, picked):
    labels = np.repeat(np.arange(len(counts)), counts)
    chosen = pick_samples(labels, 10)
    assert len(set(chosen)) == len(chosen)
    assert np.bincount(labels[chosen], minlength=len(counts)).tolist() == picked


def test_samples_of_many_classes_are_spread_over_them():
    assert pick_samples(np.arange(1000), 10) == [0, 111, 222, 333, 444, 555, 666, 777, 888, 999]


def deliver(model, source, config, **known):
    log_dir = Path(config.run_dir, "logs", "one")
    log_dir.mkdir(parents=True)
    return module.deliver(
        TASK,
        model,
        source.name,
        batches_of(source.splits["test"]),
        config,
        log_dir,
        bigger="bigger",
        preprocessing=Preprocessing(crop_ratio=0.9),
        **known,
    )


def test_without_exports_it_is_scored_and_saved(tmp_path, source, model, monkeypatch, capsys):
    monkeypatch.setattr(module, "export_and_compare", None)
    run_dir, export_dir = tmp_path / "run", tmp_path / "exports"
    config = Config(run_dir=str(run_dir), export_dir=str(export_dir), seed=0, export=False)
    known = dict(report={"baselines": {"this model": {"val": 0.875}}})
    known["baselines"] = {"linear probe": {"val": 0.75, "test": 0.625}}
    assert deliver(model, source, config, **known) == []
    results = json.loads((run_dir / "results.json").read_text())
    labels, predictions = expected(model, source)
    assert results["test_accuracy"] == (labels == predictions).mean()
    assert results["artefacts"] == [] and results["compared_images"] == 0
    saved = run_dir / f"{source.name}.keras"
    assert saved.is_file() and not export_dir.exists()
    out = capsys.readouterr().out
    assert f"keras-vit predict {saved}" in out and "exporting" not in out
    page = (run_dir / "report.html").read_text("utf-8")
    own = f"<td>87.50%</td><td>{results['test_accuracy']:.2%}</td>"
    assert f"this model</th>{own}" in page and "<td>75.00%</td><td>62.50%</td>" in page
    assert f"{results['test_accuracy']:.2%} <small>accuracy" in page and 'id="exports"' not in page
    assert "120 pictures of the split <b>test</b>" in page and page.count('class="answer"') == 24


def compared_with_a_difference(monkeypatch, of):
    """Takes the place of what compares; returns a dictionary that gets what it was asked."""
    seen = {}

    class Comparing(contextlib.nullcontext):
        def __init__(self, images):
            super().__init__(self)
            self.paths = []

        def begin(self, path):
            self.paths.append(path)

        def finish(self, task, labels):
            seen.update(paths=self.paths, labels=labels)
            numbers = dict(size=1, figures={"accuracy": 0.5}, change=0.0, agreement=1.0)
            rest = dict(difference=of, decided=0.0, milliseconds={}, runtime="none", operators={})
            return [Comparison(str(path), **numbers, **rest) for path in self.paths]

    monkeypatch.setattr(compared_exports, "Comparing", Comparing)
    return seen


def test_exports_that_answer_otherwise_are_put_aside(tmp_path, source, model, monkeypatch, capsys):
    compared_with_a_difference(monkeypatch, of=1e-4)
    config = Config(run_dir=str(tmp_path / "run"), export_dir=str(tmp_path / "exports"), seed=0)
    deliver(model, source, config)
    out, err = capsys.readouterr()
    assert "1.tflite.rejected: an answer differs by 1.0e-04, more than 1e-05." in err
    names = {path.name for path in (tmp_path / "exports").iterdir()} - {".lock"}
    assert names == {"1.rejected", "1.tflite.rejected"}
    assert f"keras-vit predict {tmp_path / 'run'}" in out
    assert (tmp_path / "run" / "report.html").exists()


def test_a_recipe_reports_the_whole_split(tmp_path, source, model, monkeypatch, capsys):
    monkeypatch.setattr(judging, "LIMIT", 60 * BYTES)
    seen = compared_with_a_difference(monkeypatch, of=0.0)
    monkeypatch.setattr(
        module, "log_hyperparameters", lambda folder, flags, figures: seen.update(figures)
    )
    config = Config(run_dir=str(tmp_path / "run"), export_dir=str(tmp_path / "exports"), seed=0)
    deliver(model, source, config)
    labels, predictions = expected(model, source)
    accuracy = (labels == predictions).mean()
    out = capsys.readouterr().out
    assert f"Test accuracy: {accuracy:.2%} of 120 images." in out
    assert "60 of them, drawn at random" in out
    assert seen["test_accuracy"] == accuracy and len(seen["labels"]) == 60
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["test_accuracy"] == accuracy
    assert (results["test_images"], results["compared_images"]) == (120, 60)
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "on 60 pictures of test, drawn at random" in page and "1.tflite" in page
    samples = sorted((tmp_path / "run" / "samples").iterdir())
    names = [path.stem.partition("-is-")[2] for path in samples]
    assert len(samples) == 10 and len(set(names)) == 10
    for path, name in zip(samples, names, strict=True):
        with Image.open(path) as image:
            assert image.getpixel((0, 0))[0] == 20 * int(name.removeprefix("class "))
