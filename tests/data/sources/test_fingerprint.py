"""What a run learns from: the same wherever it lies, another where anything of it moved."""

import dataclasses
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from keras_vit.data.sources import (
    EncodedSplit,
    Source,
    describe_change,
    fingerprint,
    from_arrays,
    from_folder,
    from_table,
    from_tfds,
)

NAMES = ("bird", "cat", "dog")


@pytest.fixture
def folder(tmp_path):
    for split in ("train", "test"):
        for name in NAMES:
            place = tmp_path / "set" / split / name
            place.mkdir(parents=True)
            for index in range(3):
                Image.new("L", (2, 2)).save(place / f"{index}.png")
    return tmp_path / "set"


def change_of(before, source):
    return describe_change(before, fingerprint(source))


def test_a_folder_that_is_moved_is_the_same(folder):
    before = fingerprint(from_folder(folder))
    assert change_of(before, from_folder(folder)) is None
    moved = folder.parent / "somewhere" / "else"
    shutil.copytree(folder, moved)
    assert fingerprint(from_folder(moved)) == before


@pytest.mark.parametrize(
    "old, new, change",
    [
        ("cat", "kitten", "class 'cat' is gone and 'kitten' is new"),
        ("cat", "zebra", "class 'cat' is gone and 'zebra' is new"),
        ("cat", None, "class 'cat' is gone"),
        (None, "cow", "class 'cow' is new"),
    ],
)
def test_classes_that_changed_are_named(folder, old, new, change):
    before = fingerprint(from_folder(folder))
    for split in ("train", "test"):
        if old and new:
            (folder / split / old).rename(folder / split / new)
        elif old:
            shutil.rmtree(folder / split / old)
        else:
            shutil.copytree(folder / split / "cat", folder / split / new)
    assert change_of(before, from_folder(folder)) == change


def test_pictures_that_came_went_or_moved_are_noticed(folder):
    before = fingerprint(from_folder(folder))
    extra = folder / "train" / "cat" / "4.png"
    shutil.copy(folder / "train" / "cat" / "0.png", extra)
    assert change_of(before, from_folder(folder)) == "its split train holds 10 and held 9"
    extra.rename(folder / "train" / "dog" / "4.png")
    (folder / "train" / "cat" / "0.png").unlink()
    others = "its split train holds as many examples, but others or with other labels"
    assert change_of(before, from_folder(folder)) == others
    (folder / "train" / "dog" / "4.png").unlink()
    (folder / "test" / "dog" / "0.png").unlink()
    assert change_of(before, from_folder(folder)) == "its split train holds 8 and held 9"


def test_class_folders_that_swap_their_names_are_noticed(folder):
    for name in NAMES:
        for path in folder.glob(f"train/{name}/*"):
            Image.new("L", (2, 2), 50 * NAMES.index(name)).save(path)
    before = fingerprint(from_folder(folder))
    train = folder / "train"
    (train / "cat").rename(train / "bear")
    (train / "dog").rename(train / "cat")
    (train / "bear").rename(train / "dog")
    what = "its split train holds other pictures, masks or boxes under the same names"
    assert change_of(before, from_folder(folder)) == what
    del before["samples"]  # an older checkpoint
    assert change_of(before, from_folder(folder)) is None


def test_a_picture_that_cannot_be_read_is_no_change(folder):
    before = fingerprint(from_folder(folder))
    source = from_folder(folder)
    (folder / "train" / "cat" / "0.png").unlink()
    assert None in fingerprint(source)["samples"]["train"]
    assert change_of(before, source) is None


def test_a_folder_without_splits(folder):
    before = fingerprint(from_folder(folder / "train", test_fraction=0.3))
    assert fingerprint(from_folder(folder / "train", test_fraction=0.3)) == before
    assert change_of(before, from_folder(folder / "train", test_fraction=0.7))


def write_table(path, rows):
    path.write_text("path,label,split\n" + "\n".join(",".join(row) for row in rows))
    return from_table(path)


def test_a_table(folder):
    rows = [
        (f"set/{split}/{name}/{index}.png", name, split)
        for split in ("train", "test")
        for name in NAMES
        for index in range(3)
    ]
    table = folder.parent / "table.csv"
    before = fingerprint(write_table(table, rows))
    moved = folder.parent / "elsewhere"
    shutil.copytree(folder, moved / "set")
    assert fingerprint(write_table(moved / "table.csv", rows)) == before
    absolute = [(str(folder.parent / path), *rest) for path, *rest in rows]
    assert fingerprint(write_table(table, absolute)) == before
    relabelled = [(rows[0][0], "dog", "train"), *rows[1:]]
    assert "labels" in change_of(before, write_table(table, relabelled))
    assert "labels" in change_of(before, write_table(table, [rows[1], rows[0], *rows[2:]]))
    assert "holds 8" in change_of(before, write_table(table, rows[1:]))
    renamed = [(path, "ant" if name == "cat" else name, split) for path, name, split in rows]
    assert change_of(before, write_table(table, renamed)) == "class 'cat' is gone and 'ant' is new"


def test_classes_in_another_order(folder):
    source = from_folder(folder)
    turned = dataclasses.replace(source, class_names=("cat", "bird", "dog"))
    change = change_of(fingerprint(source), turned)
    assert change == "class 0 is 'cat' and was 'bird'"


def arrays(labels=(0, 1, 2, 0), level=0):
    images = np.full((4, 4, 4, 3), level, "uint8")
    return from_arrays((images, np.array(labels)), (images, np.array((0, 1, 2, 0))))


def test_arrays():
    before = fingerprint(arrays())
    assert fingerprint(arrays()) == before
    assert "split train" in change_of(before, arrays(labels=(1, 0, 2, 0)))
    assert "split train" in change_of(before, arrays(level=1))


def test_images_that_are_resized_are_known_by_what_they_were():
    source = arrays()
    resized = {name: split.resized(8).resized(6) for name, split in source.splits.items()}
    assert fingerprint(dataclasses.replace(source, splits=resized)) == fingerprint(source)


def test_sets_of_tfds_are_known_by_their_version():
    with tfds.testing.mock_data(num_examples=4):
        source = from_tfds("mnist")
        assert source.version.startswith("mnist/")
        before = fingerprint(source)
        assert change_of(before, from_tfds("mnist")) is None
    newer = dataclasses.replace(source, version="mnist/9.9.9, train, test")
    assert "it is mnist/9.9.9, train, test and was mnist/" in change_of(before, newer)


def test_labels_of_encoded_pictures_count():
    def source(*labels):
        path = "record {} of train".format
        split = EncodedSplit(2, lambda _: {"image": tf.constant(b"")}, path, np.array(labels))
        return Source("set", NAMES, {"train": split})

    assert "labels" in change_of(fingerprint(source(0, 1)), source(1, 0))


def test_other_masks_and_boxes_are_noticed_and_older_checkpoints_are_not_refused():
    def source(mask=b"1", corner=1.0):
        def read(index):
            boxes = [[0.0, 0, corner, 1]]
            return {"image": tf.constant(b"x"), "mask": tf.constant(mask), "boxes": boxes}

        def tensors(index):
            return {key: tf.convert_to_tensor(value) for key, value in read(index).items()}

        split = EncodedSplit(2, tensors, "record {} of train".format)
        return Source("set", (), {"train": split})

    before = fingerprint(source())
    assert describe_change(before, before) is None
    for other in (source(mask=b"2"), source(corner=2.0)):
        assert "other pictures, masks or boxes" in change_of(before, other)
        older = before | {"samples": {"train": before["samples"]["train"][:2]}}
        assert change_of(older, other) is None
    assert len(before["samples"]["train"]) == 4
