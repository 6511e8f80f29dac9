"""Folders with boxes in XML files of Pascal VOC, from their files to a batch."""

import functools
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_vit.data import centre_crop, eval_batches, inception_crop, staged_crop, train_batches
from keras_vit.data.augment import (
    as_one,
    random_affine,
    random_crop,
    random_flip,
    random_resized_crop,
    random_scale_crop,
)
from keras_vit.data.check import check_source
from keras_vit.data.sources import from_folder, open_source
from keras_vit.errors import UserError
from keras_vit.images.preprocessing import Preprocessing

SIZE = 24, 32
COLOURS = {"ape": (255, 0, 0), "zebra": (0, 0, 255)}
# Edges from 0 on. Two boxes of one class never overlap or touch.
BOXES = [
    [((2, 3, 12, 9), "zebra"), ((15, 4, 30, 22), "ape")],
    [((0, 0, 20, 24), "ape")],
    [],
    [((4, 4, 10, 10), "ape"), ((20, 5, 30, 20), "zebra"), ((4, 14, 10, 22), "ape")],
]


def picture(boxes):
    pixels = np.zeros((*SIZE, 3), "uint8")
    for (left, top, right, bottom), name in boxes:
        pixels[top:bottom, left:right] = COLOURS[name]
    return Image.fromarray(pixels)


def xml(boxes, difficult=0):
    """Writes boxes as Pascal VOC does: from 1 on, with the last pixel."""
    objects = "".join(
        f"<object><name> {name} </name><difficult>{difficult}</difficult><bndbox><xmax>{right}"
        f"</xmax><xmin>{left + 1}</xmin><ymin>{top + 1}</ymin><ymax>{bottom}</ymax></bndbox>"
        "<part><name>ear</name><bndbox/></part></object>"
        for (left, top, right, bottom), name in boxes
    )
    return f"<?xml version='1.0'?><annotation><folder>x</folder>{objects}</annotation>"


def put(root, pictures="JPEGImages", annotations="Annotations", names="abcd"):
    for folder in (pictures, annotations):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name, boxes in zip(names, BOXES, strict=True):
        picture(boxes).save(root / pictures / f"{name}.png")
        (root / annotations / f"{name}.xml").write_text(xml(boxes))
    return root


@pytest.fixture
def voc(tmp_path):
    root = put(tmp_path / "voc")
    lists = {"train": "b d a", "test": "c", "trainval": "a b", "ape_train": "a -1"}
    (root / "ImageSets/Main").mkdir(parents=True)
    for name, stems in lists.items():
        (root / f"ImageSets/Main/{name}.txt").write_text(stems.replace(" ", "\n") + "\n")
    return root


def read(split):
    """Returns the boxes of each picture as they were put, by its name."""
    found = {}
    for index in range(split.count):
        sample = split.read(tf.constant(index, tf.int64))
        rows = zip(sample["boxes"].numpy().tolist(), sample["box_labels"].numpy(), strict=True)
        boxes = [
            (tuple(map(int, box)), sorted(COLOURS)[label]) for box, label in rows if label >= 0
        ]
        found[split.path(index).rpartition("/")[2][0]] = boxes
    return found


def test_lists_choose_the_splits_and_boxes_are_edges_from_zero(voc):
    (voc / "JPEGImages/e.png").write_bytes(b"in no list")
    source = open_source(voc)
    assert str(source) == "voc: 2 classes (ape, zebra), pictures of any size, 3 train, 1 test"
    assert source.notes == (
        "The pictures have boxes and no labels.",
        "Pictures in no list of a split, left out: 1 (e).",
        "Classes of which test has no box: 2 (ape, zebra).",
    )
    assert read(source.splits["train"]) == dict(
        zip("bda", (BOXES[i] for i in (1, 3, 0)), strict=True)
    )
    assert read(source.splits["test"]) == {"c": []}
    sample = source.splits["train"].read(tf.constant(0, tf.int64))
    assert sample.keys() == {"image", "boxes", "box_labels"} and sample["boxes"].shape == (3, 4)
    assert (
        sample["box_labels"].numpy().tolist() == [0, -1, -1]
        and not sample["boxes"][1:].numpy().any()
    )


@pytest.mark.parametrize("inside", [("", ""), ("images", "annotations"), ("", "labels")])
def test_annotations_lie_beside_pictures_or_apart(tmp_path, inside):
    everything = dict(zip("abcd", BOXES, strict=True))
    source = from_folder(put(tmp_path / "whole", *inside), test_fraction=0.5)
    assert read(source.splits["train"]) | read(source.splits["test"]) == everything
    assert "chosen by their names" in source.notes[1]
    for split in ("train", "valid"):
        put(tmp_path / "split" / split, *inside)
    source = from_folder(tmp_path / "split")
    assert source.splits.keys() == {"train", "test"}
    assert read(source.splits["train"]) == read(source.splits["test"]) == everything
    with pytest.raises(UserError, match="received test_fraction=0.5, and there is a test split"):
        from_folder(tmp_path / "split", test_fraction=0.5)


WHOLE = functools.partial(centre_crop, preprocessing=Preprocessing(image_size=SIZE))
KEPT = dict(least_area=0.0)  # what is left of a box is never dropped
SCALED = functools.partial(random_scale_crop, size=SIZE, scale=(0.7, 2), **KEPT)
CROPS = {
    "whole": (WHOLE, None),
    "flip": (WHOLE, random_flip),
    "crop": (WHOLE, functools.partial(random_crop, padding=4, **KEPT)),
    "resized": (WHOLE, functools.partial(random_resized_crop, size=SIZE, area=(0.5, 1), **KEPT)),
    "zoom": (WHOLE, functools.partial(random_affine, shift=0.2, zoom=0.3, **KEPT)),
    "inception": (functools.partial(inception_crop, size=(48, 64), area=(0.5, 1), **KEPT), None),
    "staged": (functools.partial(staged_crop, stage=SCALED), None),
}


@pytest.mark.parametrize("name", CROPS)
def test_boxes_stay_around_what_they_were_drawn_around(voc, name):
    crop, augment = CROPS[name]
    split, seen = open_source(voc).splits["train"], 0
    batches = train_batches(split, batch_size=3, seed=0, crop=crop, augment=augment, example=dict)
    for batch in batches.take(8).as_numpy_iterator():
        ys, xs = np.mgrid[: batch["image"].shape[1], : batch["image"].shape[2]] + 0.5
        assert not batch["boxes"][batch["box_labels"] == -1].any()
        for image, boxes, labels in zip(
            batch["image"], batch["boxes"], batch["box_labels"], strict=True
        ):
            for label in (0, 1):
                coloured, covered = image[..., 2 * label] > 127, np.zeros(xs.shape, bool)
                for left, top, right, bottom in boxes[labels == label]:
                    seen += 1
                    depths = np.stack([xs - left, right - xs, ys - top, bottom - ys]).min(axis=0)
                    assert coloured[depths > 1].all()
                    covered |= depths > -1
                assert covered[coloured].all()
    assert seen > 20


def test_a_flip_mirrors_boxes_exactly(voc):
    how = dict(batch_size=3, crop=WHOLE, example=dict)
    split, width = open_source(voc).splits["train"], SIZE[1]
    before = next(eval_batches(split, **how).as_numpy_iterator())
    seen = {"straight": 0, "mirrored": 0}
    batches = train_batches(split, seed=0, augment=random_flip, **how)
    for batch in batches.take(6).as_numpy_iterator():
        for image, boxes, labels in zip(*map(batch.get, before), strict=True):
            place = next(i for i, x in enumerate(before["image"]) if (x.sum() == image.sum()))
            expected, own = before["boxes"][place], before["box_labels"][place]
            straight = (image == before["image"][place]).all()
            if not straight:
                np.testing.assert_array_equal(image[:, ::-1], before["image"][place])
                left, top, right, bottom = expected.T
                turned = np.stack([width - right, top, width - left, bottom], axis=1)
                expected = np.where(own[:, None] >= 0, turned, 0)
            np.testing.assert_allclose(boxes, expected, atol=1e-4)
            np.testing.assert_array_equal(labels, own)
            seen["straight" if straight else "mirrored"] += 1
    assert min(seen.values()) > 2


def test_as_one_moves_boxes_of_a_batch(voc):
    stage = as_one(random_flip, functools.partial(random_scale_crop, size=(16, 16)), least_area=0.5)
    split = open_source(voc).splits["train"]
    batches = train_batches(split, batch_size=3, seed=0, crop=WHOLE, augment=stage, example=dict)
    kept = []
    for batch in batches.take(5).as_numpy_iterator():
        assert batch["boxes"].shape == (3, 3, 4)
        assert batch["boxes"].min() >= 0 and batch["boxes"].max() <= 16
        kept.append((batch["box_labels"] >= 0).sum())
    assert 0 < sum(kept) < 5 * 6


def test_difficult_boxes_and_those_that_start_at_zero_are_noted(voc):
    text = xml(BOXES[1], difficult=1).replace("<xmin>1<", "<xmin>0<")
    (voc / "Annotations/b.xml").write_text(text)
    (voc / "Annotations/a.xml").write_text(xml([((3, 4, 4, 5), "zebra")] * 2))
    source = open_source(voc)
    labels = source.splits["train"].read(tf.constant(0, tf.int64))["box_labels"]
    assert labels.numpy().tolist() == [-2, -1, -1]
    assert source.notes[1:4] == (
        "Boxes marked as difficult, neither learned nor counted: 1 (b).",
        "Boxes that start at 0, though Pascal VOC counts from 1, taken as 1: 1 (b).",
        "Boxes of which a side is one pixel, kept: 2 (a, a).",
    )


BOMB = '<!DOCTYPE a [<!ENTITY b "boom"><!ENTITY c SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    "text, message",
    [
        ("<annotation>", "b.xml is no XML: no element found"),
        ("", "b.xml is no XML"),
        ("<?xml version='1.0' encoding='klingon'?><annotation/>", "b.xml is no XML"),
        ("<html/>", "b.xml must hold an <annotation>: received <html>."),
        (f"{BOMB}<annotation>&b;&c;</annotation>", "must have no DOCTYPE: .*b.xml has one."),
        (
            "<annotation><object><bndbox/></object></annotation>",
            "must have a <name>: .*b.xml has one without",
        ),
        (
            xml(BOXES[1]).replace("<xmax>20", "<xmax>nan"),
            "must hold four numbers: .*b.xml has xmin=1, ymin=1, xmax=nan, ymax=24.",
        ),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_what_is_no_annotation_is_a_sentence_that_names_the_file(voc, text, message, encoding):
    (voc / "Annotations/b.xml").write_bytes(text.encode(encoding))
    with pytest.raises(UserError, match=message):
        open_source(voc)
    source = open_source(voc, strict=False)
    assert source.splits["train"].count == 2 and len(source.faults) == 1


def test_pictures_and_annotations_that_lack_each_other_are_named(voc):
    (voc / "Annotations/b.xml").unlink()
    with pytest.raises(UserError, match=r"train.txt needs one annotation: missing for 1 \(b\)\.$"):
        open_source(voc)
    assert open_source(voc, strict=False).splits["train"].count == 2
    (voc / "JPEGImages/a.png").unlink()
    shutil.rmtree(voc / "ImageSets")
    source = open_source(voc, strict=False, test_fraction=0.5)
    assert "Annotations without a picture, left out: 1 (a)." in source.notes
    (voc / "JPEGImages/a.png").touch()
    (voc / "JPEGImages/a.jpg").touch()
    with pytest.raises(
        UserError, match="one picture: received JPEGImages/a.jpg and JPEGImages/a.p"
    ):
        open_source(voc, strict=False)


def test_annotations_without_a_box_are_no_source(tmp_path):
    root = put(tmp_path)
    for path in root.glob("Annotations/*.xml"):
        path.write_text(xml([]))
    with pytest.raises(UserError, match="A source needs a box: no annotation in .* has one."):
        open_source(root)


def test_a_size_that_is_not_the_pictures_is_reported(tmp_path):
    """As when the pictures were made smaller, and the annotations stayed."""
    put(tmp_path)
    for name, (width, height) in {
        "a": (32, 24),
        "b": (64, 48),
        "c": (0, 24),
        "d": (24, 32),
    }.items():
        path = tmp_path / "Annotations" / f"{name}.xml"
        size = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
        path.write_text(path.read_text().replace("</folder>", f"</folder>{size}"))
    bad = check_source(open_source(str(tmp_path), test_fraction=0.3)).bad_boxes
    assert sorted((x["path"][-5:], x["reason"]) for x in bad) == [
        ("b.png", "The picture has 32x24 pixels, its annotation says 64x48."),
        ("d.png", "The picture has 32x24 pixels, its annotation says 24x32."),
    ]
