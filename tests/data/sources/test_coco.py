"""Folders with boxes in JSON files of COCO."""

import functools
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_vit.data import centre_crop, train_batches
from keras_vit.data.augment import random_flip
from keras_vit.data.check import check_source
from keras_vit.data.sources import from_folder, open_source
from keras_vit.errors import UserError
from keras_vit.images.preprocessing import Preprocessing

CATEGORIES = [{"id": 18, "name": "dog"}, {"id": 2, "name": "bicycle"}, {"id": 90, "name": "cup"}]


def box(image, category, *bbox, **more):
    return {"image_id": image, "category_id": category, "bbox": bbox, "iscrowd": 0} | more


BOXES = [
    box(7, 18, 1.5, 2, 10, 8.25),
    box(7, 2, 0, 0, 30, 20),
    box(8, 90, 3, 4, 5, 6),
    box(7, 2, 1, 0, 29, 20, iscrowd=1),
]


def put(root, pictures, path, annotations=BOXES, categories=CATEGORIES, **more):
    """Writes the pictures 7, 8 and 9, of which 9 has no box, and a file of annotations."""
    (root / pictures).mkdir(parents=True, exist_ok=True)
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    images = [{"id": number, "file_name": f"{number}.png"} for number in (9, 7, 8)]
    for image in images:
        Image.new("RGB", (30, 20)).save(root / pictures / image["file_name"])
    content = {"images": images, "annotations": annotations, "categories": categories} | more
    (root / path).write_text(json.dumps(content))
    return root


def read(split):
    """Returns the corners and labels of the boxes of each picture, by its name."""
    found = {}
    for index in range(split.count):
        sample = split.read(tf.constant(index, tf.int64))
        assert sample.keys() == {"image", "boxes", "box_labels"}
        assert sample["image"].numpy().startswith(b"\x89PNG")
        rows = zip(sample["box_labels"].numpy().tolist(), sample["boxes"].numpy(), strict=True)
        boxes = [(label, *corners.tolist()) for label, corners in rows if label != -1]
        found[split.path(index).rpartition("/")[2]] = boxes
    return found


EXPECTED = {
    "7.png": [(1, 1.5, 2, 11.5, 10.25), (0, 0, 0, 30, 20), (-2, 1, 0, 30, 20)],  # a crowd
    "8.png": [(2, 3, 4, 8, 10)],
    "9.png": [],
}


@pytest.mark.parametrize(
    "train, test",
    [
        (("train2017", "annotations/instances_train2017.json"),)
        + (("val2017", "annotations/instances_val2017.json"),),
        (("images/train", "annotations/train.json"), ("images/test", "annotations/test.json")),
        (("train", "train/_annotations.coco.json"), ("valid", "valid/_annotations.coco.json")),
        (("train/images", "train/instances.json"), ("test/images", "test/instances.json")),
        (("images", "instances_train.json"), ("images", "instances_test.json")),
    ],
)
def test_files_of_two_splits_are_found(tmp_path, train, test):
    put(tmp_path / "set", *train)
    put(tmp_path / "set", *test)
    (tmp_path / "set/annotations").mkdir(exist_ok=True)
    (tmp_path / "set/annotations/about.json").write_text('{"info": []}')
    source = open_source(tmp_path / "set")
    assert (
        str(source) == "set: 3 classes (bicycle, dog, cup), pictures of any size, 3 train, 3 test"
    )
    assert read(source.splits["train"]) == read(source.splits["test"]) == EXPECTED
    assert source.splits["train"].read(tf.constant(2, tf.int64))["boxes"].shape == (3, 4)
    assert sum("neither learned nor counted: 1." in note for note in source.notes) == 2
    place = train[0]
    assert source.splits["train"].path(0) == str(tmp_path / "set" / place / "7.png")


def test_without_splits_a_hash_chooses_the_test_split(tmp_path):
    root = put(tmp_path, "images", "annotations/instances.json")
    source = from_folder(root, test_fraction=0.5)
    assert read(source.splits["train"]) | read(source.splits["test"]) == EXPECTED
    assert {split.count for split in source.splits.values()} == {1, 2}
    flat = from_folder(put(tmp_path / "flat", "", "instances.json"), test_fraction=0.5)
    assert read(flat.splits["train"]) | read(flat.splits["test"]) == EXPECTED


def test_a_batch_is_padded_and_moved(tmp_path):
    root = put(tmp_path, "train", "train/coco.json")
    put(tmp_path, "test", "test/coco.json")
    whole = functools.partial(centre_crop, preprocessing=Preprocessing(image_size=(20, 30)))
    split = open_source(root).splits["train"]
    how = dict(batch_size=3, seed=0, crop=whole, augment=random_flip, example=dict)
    widths = set()
    for batch in train_batches(split, **how).take(9).as_numpy_iterator():
        assert batch["boxes"].shape == (3, 3, 4) and batch["box_labels"].shape == (3, 3)
        assert sorted(batch["box_labels"].ravel()) == [-2, *[-1] * 5, 0, 1, 2]
        dog = batch["boxes"][batch["box_labels"] == 1][0]
        np.testing.assert_allclose(dog[1::2], [2, 10.25], atol=1e-4)
        widths.add(round(float(dog[0]), 3))
    assert widths == {1.5, 18.5}


@pytest.mark.parametrize(
    "more, message",
    [
        (dict(annotations=[box(7, 18, 1, 2, 3)]), "must hold four numbers: .*instances.json has"),
        (dict(annotations=[box(7, 18, 1, 2, 3, float("nan"))]), "must hold four numbers"),
        (dict(annotations=[{"image_id": 7}]), "Every annotation in .* must have a category_id"),
        (dict(images=[{"id": 7}]), "Every image in .*instances.json must have a file_name"),
        (dict(images=["7.png"]), "must have a file_name: received 7.png"),
        (dict(categories=[{"name": "x"}]), "Every category in .* must have a id"),
        (
            dict(categories=[*CATEGORIES, {"id": 2, "name": "bike"}]),
            "must have one name: 2 is 'bicycle' and, in .*instances.json, 'bike'",
        ),
        (dict(images=[{"id": 7, "file_name": "x.png"}], annotations=[]), "found none of them"),
        (dict(images={}), "must hold the lists images, annotations, categories"),
        (
            dict(annotations=[*BOXES, box(1, 2, 0, 0, 1, 1)]),
            "has 1 without, such as .*'image_id': 1",
        ),
        (dict(annotations=[*BOXES, box(7, 3, 0, 0, 1, 1)]), "must have a picture and a category"),
    ],
)
def test_a_file_that_is_no_source_is_a_sentence_that_names_it(tmp_path, more, message):
    with pytest.raises(UserError, match=message):
        from_folder(put(tmp_path, "images", "instances.json", **more))


def test_files_that_do_not_go_together_are_a_sentence(tmp_path):
    root = put(tmp_path, "images", "instances_train.json")
    put(tmp_path, "images", "instances.json")
    with pytest.raises(UserError, match="must be named like its split, .*: received .*instances"):
        from_folder(root)
    put(tmp_path, "images", "annotations/instances_train.json")
    with pytest.raises(UserError, match="one file of annotations: received .* and .*_train.json"):
        from_folder(root)
    (root / "instances.json").write_text("{")
    with pytest.raises(UserError, match=r"instances.json is no JSON: Expecting"):
        from_folder(root)


def test_boxes_of_nothing_are_faults_where_that_is_asked(tmp_path):
    stray = [*BOXES, box(1, 2, 0, 0, 1, 1), box(7, 3, 0, 0, 1, 1)]
    root = put(tmp_path, "images", "instances.json", annotations=stray)
    source = from_folder(root, strict=False, test_fraction=0.5)
    assert len(source.faults) == 1 and "has 2 without" in source.faults[0]
    assert read(source.splits["train"]) | read(source.splits["test"]) == EXPECTED


def test_other_json_files_make_no_source(tmp_path):
    for name in ("a/1.png", "b/2.png", "a/3.png", "b/4.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("L", (3, 3)).save(tmp_path / name)
    (tmp_path / "metadata.json").write_text("{")
    (tmp_path / "annotations.json").write_text("[]")
    assert from_folder(tmp_path, test_fraction=0.62).class_names == ("a", "b")


def test_a_size_that_is_not_the_pictures_is_reported(tmp_path):
    images = [{"id": n, "file_name": f"{n}.png", "width": 30, "height": 10 * n} for n in (2, 7)]
    images.append({"id": 8, "file_name": "8.png", "width": None, "height": 20})
    images.append({"id": 9, "file_name": "9.png", "width": 1e12, "height": 20})
    put(tmp_path, "train", "train/instances.json", images=images)
    Image.new("RGB", (30, 20)).save(tmp_path / "train" / "2.png")
    bad = check_source(open_source(str(tmp_path), test_fraction=0.5)).bad_boxes
    assert sorted(x["reason"] for x in bad) == [
        "The picture has 30x20 pixels, its annotation says 1000000000000x20.",
        "The picture has 30x20 pixels, its annotation says 30x70.",
    ]
