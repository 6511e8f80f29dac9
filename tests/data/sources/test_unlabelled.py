"""Folders of pictures without class folders."""

import pytest
import tensorflow as tf
from PIL import Image

from keras_vit.data import eval_batches
from keras_vit.data.check import check_source
from keras_vit.data.sources import fingerprint, from_folder
from keras_vit.errors import UserError


def put(root, *names):
    for level, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".png"):
            Image.new("RGB", (20, 16), (level, 0, 0)).save(root / name)
        else:
            (root / name).write_text(name)
    return root


def paths(source, root):
    return {
        name: [split.path(i).removeprefix(f"{root}/") for i in range(split.count)]
        for name, split in source.splits.items()
    }


def test_a_folder_of_pictures_is_a_source_without_labels(tmp_path):
    names = [f"{i}.png" for i in range(4)]
    source = from_folder(put(tmp_path / "set", *names, "notes.txt", ".hidden"))
    assert str(source) == "set: no labels, pictures of any size, 4 train"
    assert source.notes == (
        "There are no class folders: the pictures have no labels.",
        "Hidden files and folders, left out: 1 (.hidden).",
        "Files not named like a picture, left out: 1 (notes.txt).",
    )
    assert paths(source, tmp_path / "set") == {"train": names}
    assert set(source.splits["train"].read(tf.constant(0, tf.int64))) == {"image"}


def test_folders_of_splits_without_class_folders_have_no_labels(tmp_path):
    names = ["Training/1.png", "val/2.png", "val/x.txt", "other/3.png", "cover.png"]
    source = from_folder(put(tmp_path, *names))
    assert paths(source, tmp_path) == {"train": ["Training/1.png"], "test": ["val/2.png"]}
    assert set(source.notes) == {
        "There are no class folders: the pictures have no labels.",
        "There is no test split: val serves as one.",
        "Folders beside those of the splits, left out: 1 (other).",
        "Files in no split, left out: 1 (cover.png).",
        "Files not named like a picture, left out: 1 (val/x.txt).",
    }


def test_a_share_of_the_pictures_may_be_set_apart(tmp_path):
    root = put(tmp_path, *(f"{i}.png" for i in range(40)))
    splits = paths(from_folder(root, test_fraction=0.2), root)
    assert 0 < len(splits["test"]) < 20 and len(splits["train"]) + len(splits["test"]) == 40
    assert not set(splits["train"]) & set(splits["test"])
    put(tmp_path / "2", "train/1.png", "test/2.png")
    with pytest.raises(UserError, match="for folders without splits: received test_fraction=0.2"):
        from_folder(tmp_path / "2", test_fraction=0.2)


def test_pictures_without_labels_are_checked_and_known(tmp_path):
    root = put(tmp_path, "train/1.png", "train/2.png", "test/3.png", "test/4.png")
    (root / "test/4.png").write_bytes((root / "train/1.png").read_bytes())
    (root / "train/2.png").write_bytes(b"no picture")
    source = from_folder(root)
    report = check_source(source)
    assert len(report.broken) == len(report.duplicates) == 1 and not report.is_good
    assert not report.strange_labels and not report.conflicts and not report.absent
    assert report.splits["train"]["per_class"] is None
    before = fingerprint(source)
    (root / "test/3.png").rename(root / "test/5.png")
    assert fingerprint(from_folder(root)) != before


def test_what_needs_labels_says_so(tmp_path):
    source = from_folder(put(tmp_path / "set", "1.png"))
    with pytest.raises(UserError, match="^This needs labels, and the pictures of set have none.$"):
        source.require(("label",), "This")
    with pytest.raises(UserError, match="^Samples must have labels: received .* with image.$"):
        eval_batches(source.splits["train"], batch_size=1, crop=lambda sample, _: sample)
