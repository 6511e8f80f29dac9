import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from zoo import broken_pictures, good_pictures

from keras_vit.data.check import check_source
from keras_vit.data.scan import scan_split
from keras_vit.data.sources import SequentialSplit, Source, from_arrays, from_folder, from_table

RNG = np.random.default_rng(0)


def noise(height=20, width=30):
    return Image.fromarray(RNG.integers(0, 256, (height, width, 3)).astype("uint8"))


@pytest.fixture
def root(tmp_path):
    for place in ("train/a", "train/b", "test/a", "test/b"):
        (tmp_path / place).mkdir(parents=True)
        noise().save(tmp_path / place / "fine.png")
    return tmp_path


def check(root):
    report = check_source(from_folder(root))
    json.dumps(dataclasses.asdict(report), allow_nan=False)
    return report


def test_a_good_folder_is_good(root):
    for name, data in good_pictures().items():
        (root / "train/a" / name).write_bytes(data)
    report = check(root)
    assert report.is_good
    train = report.splits["train"]
    assert (train["pictures"], train["broken"], train["copies"]) == (10, 0, 0)
    assert train["per_class"] == {"min": 1, "median": 5, "max": 9} and train["imbalance"] == 9
    assert train["height"] == {"min": 1, "median": 40, "max": 60}
    assert train["width"] == {"min": 1, "median": 50, "max": 60}
    assert train["sizes"] == 5
    assert train["tiny"] == 1 and train["first_tiny"] == str(root / "train/a/pixel.png")


def test_broken_pictures_are_listed_with_the_reason(root):
    broken = broken_pictures()
    for name, data in broken.items():
        (root / "test/b" / name).write_bytes(data)
    (root / "test/b/gone.png").symlink_to(root / "nowhere")
    report = check(root)
    assert not report.is_good
    found = {finding["path"]: finding["reason"] for finding in report.broken}
    assert found.keys() == {str(root / "test/b" / name) for name in [*broken, "gone.png"]}
    assert "it is empty" in found[str(root / "test/b/empty.png")]
    assert "no such file" in found[str(root / "test/b/gone.png")]
    assert {finding["split"] for finding in report.broken} == {"test"}
    assert report.splits["test"]["broken"] == 7
    assert report.splits["test"]["per_class"]["max"] == 1  # broken pictures train nothing


def test_a_split_of_broken_pictures_alone_is_described(root):
    for name in "ab":
        (root / "test" / name / "fine.png").write_bytes(b"")
    report = check(root)
    assert report.splits["test"]["height"] is None and len(report.broken) == 2


def test_an_equal_picture_in_another_split_is_found_in_any_lossless_form(root):
    image = noise(24, 24)
    image.save(root / "train/a/here.png")
    image.save(root / "test/a/there.bmp")
    image.convert("RGBA").save(root / "test/a/other.png")
    grey = noise(24, 24).convert("L")
    grey.save(root / "train/b/grey.png")
    grey.convert("RGB").save(root / "test/b/grey.webp", lossless=True)
    image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(root / "test/a/flipped.png")
    report = check(root)
    assert not report.is_good and report.conflicts == []
    pairs = {(x["split"], x["path"], x["other_split"], x["other_path"]) for x in report.duplicates}
    expected = [("a/here.png", "a/there.bmp"), ("a/here.png", "a/other.png")]
    assert pairs == {
        ("train", str(root / "train" / here), "test", str(root / "test" / there))
        for here, there in [*expected, ("b/grey.png", "b/grey.webp")]
    }


def test_equal_pictures_of_two_classes_conflict_and_of_one_do_not(root):
    for image, names in ((noise(), ("a/1", "a/2")), (noise(), ("a/3", "b/3", "b/4"))):
        for name in names:
            image.save(root / "train" / f"{name}.png")
    report = check(root)
    (conflict,) = report.conflicts
    assert conflict["split"] == "train" and conflict["classes"] == ["a", "b", "b"]
    names = ("a/3", "b/3", "b/4")
    assert conflict["paths"] == [str(root / "train" / f"{name}.png") for name in names]
    assert report.splits["train"]["copies"] == 3 and not report.is_good


def test_pixels_that_differ_in_shape_alone_are_not_equal():
    images = np.zeros((1, 4, 6, 1), "uint8"), np.zeros((1, 6, 4, 1), "uint8")
    splits = [from_arrays((x, [0]), (x, [0]), class_names="ab").splits["train"] for x in images]
    source = Source("turned", ("a", "b"), dict(zip(("train", "test"), splits, strict=True)))
    assert check_source(source).duplicates == []


def test_a_class_that_training_lacks_is_wrong_and_one_that_the_test_lacks_is_not(tmp_path):
    for name in "abcd":
        noise().save(tmp_path / f"{name}.png")
    lines = ["path,label,split", "a.png,x,train", "b.png,y,train", "c.png,x,test"]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    report = check_source(from_table(tmp_path / "t.csv"))
    assert report.is_good and report.splits["test"]["missing"] == ["y"]
    (tmp_path / "t.csv").write_text("\n".join([*lines, "d.png,z,test"]))
    report = check_source(from_table(tmp_path / "t.csv"))
    assert report.absent == ["z"] and not report.is_good


def test_sets_in_memory_and_in_a_row_are_read_too(monkeypatch):
    monkeypatch.setattr("keras_vit.data.scan.BLOCK", 100)
    images = RNG.integers(0, 256, (250, 2, 3, 1)).astype("uint8")
    labels = np.arange(250) % 3
    images[200] = images[7]
    held = from_arrays((images, labels), (images[7:8], [1])).splits["train"]
    data = [tf.io.encode_png(image).numpy() for image in images]

    def stream(seed, worker, workers):
        assert (seed, worker, workers) == (None, 0, 1)
        return tf.data.Dataset.from_tensor_slices({"image": data, "label": labels})

    row = SequentialSplit(250, stream)
    advanced = []
    scan, other = (scan_split(split, advanced.append) for split in (held, row))
    assert advanced == [100, 100, 50] * 2
    for name in ("labels", "sizes", "digests"):
        np.testing.assert_array_equal(getattr(scan, name), getattr(other, name))
    np.testing.assert_array_equal(scan.labels, labels)
    report = check_source(Source("row", ("a", "b", "c"), {"train": held, "test": row}))
    assert len(report.duplicates) == 250
    assert [x["paths"] for x in report.conflicts] == [["record 7", "record 200"]] * 2


def test_labels_that_are_no_class_are_listed():
    images = [tf.io.encode_png(RNG.integers(0, 256, (2, 2, 1), "uint8")).numpy() for _ in range(3)]
    samples = {"image": images, "label": np.array([0, 1, 2])}
    row = SequentialSplit(3, lambda **_: tf.data.Dataset.from_tensor_slices(samples))
    report = check_source(Source("few", ("a", "b"), {"train": row}))
    assert report.strange_labels == [{"split": "train", "path": "record 2", "label": 2}]
    assert not report.is_good
