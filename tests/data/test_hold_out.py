import shutil

import numpy as np
import pytest
from PIL import Image

from keras_vit.data import SequentialSplit, Source, from_arrays, from_folder
from keras_vit.data.hold_out import hold_out


@pytest.fixture
def folder(tmp_path):
    for split, count in {"train": 20, "test": 2}.items():
        for name in ("ant", "bee"):
            place = tmp_path / "pictures" / split / name
            place.mkdir(parents=True)
            for index in range(count // (1 if name == "ant" else 2)):
                Image.new("RGB", (4, 4)).save(place / f"{index}.png")
    return tmp_path / "pictures"


def names(split):
    return {split.path(index).split("/train/")[1] for index in range(split.count)}


def test_each_class_gives_its_share(folder):
    source = hold_out(from_folder(folder), 0.2)
    assert np.bincount(source.splits["val"].labels).tolist() == [4, 2]
    assert np.bincount(source.splits["train"].labels).tolist() == [16, 8]
    assert not names(source.splits["val"]) & names(source.splits["train"])
    assert source.splits["test"].count == 3
    assert "6 of 30 training examples" in source.notes[-1]


def test_the_same_pictures_wherever_the_folder_stands_and_whatever_is_added(folder, tmp_path):
    before = names(hold_out(from_folder(folder)).splits["val"])
    shutil.move(folder, tmp_path / "elsewhere")
    assert names(hold_out(from_folder(tmp_path / "elsewhere")).splits["val"]) == before
    Image.new("RGB", (4, 4)).save(tmp_path / "elsewhere/train/ant/new.png")
    after = names(hold_out(from_folder(tmp_path / "elsewhere")).splits["val"])
    assert len(before - after) <= 1


def test_images_in_memory_keep_their_labels_and_sizes():
    images = np.arange(40, dtype="uint8")[:, None, None, None] * np.ones((1, 4, 4, 1), "uint8")
    labels = np.arange(40) % 4
    source = from_arrays((images, labels), (images, labels))
    splits = hold_out(source, 0.25).splits
    seen = []
    for split in (splits["train"], splits["val"].resized(8)):
        for sample in split.each():
            sample = sample()
            assert sample["label"] == sample["image"].max() % 4
            seen.append(int(sample["image"].max()))
    assert sorted(seen) == list(range(40))
    assert np.bincount(splits["val"].labels).tolist() == [2, 2, 2, 2]


def test_a_class_of_one_example_stays_in_training():
    images, labels = np.zeros((7, 4, 4, 1), "uint8"), np.array([0, 0, 0, 1, 1, 1, 2])
    splits = hold_out(from_arrays((images, labels), (images, labels))).splits
    assert sorted(splits["val"].labels) == [0, 1]


def test_what_is_there_already_or_cannot_be_is_said(folder):
    source = from_folder(folder)
    for fraction in (0, 1, -0.5):
        with pytest.raises(ValueError, match="must lie between 0 and 1: received"):
            hold_out(source, fraction)
    split = hold_out(source)
    assert hold_out(split) is split
    with pytest.raises(ValueError, match="without a validation split: received val_fraction=0.2"):
        hold_out(split, 0.2)
    stream = Source("stream", (), {"train": SequentialSplit(9, lambda **how: None)})
    assert "val" not in hold_out(stream).splits
    assert "one end to the other" in hold_out(stream).notes[-1]
