"""Folders with boxes in text files of Pascal VOC's version 1.00, such as Penn-Fudan and INRIA."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_vit.data.sources import open_source
from keras_vit.errors import UserError

PENN_FUDAN = os.environ.get("KERAS_VIT_PENN_FUDAN")
BOXES = [[(2, 3, 12, 9), (15, 4, 30, 22)], [(0, 0, 20, 24)], [(4, 4, 10, 10)], []]


def text(boxes, first=1):
    lines = [
        "# Compatible with PASCAL Annotation Version 1.00",
        'Image filename : "Town/PNGImages/a.png"',
        "Image size (X x Y x C) : 32 x 24 x 3",
        f"Objects with ground truth : {len(boxes)} {{ " + '"PASpersonWalking" ' * len(boxes) + "}",
        "# Note there may be some objects not included",
        f"# Top left pixel co-ordinates : ({first}, {first})",
    ]
    for number, (left, top, right, bottom) in enumerate(boxes, 1):
        low, high = (left + first, top + first), (right - 1 + first, bottom - 1 + first)
        lines += [
            f'# Details for pedestrian {number} ("PASpersonWalking")',
            f'Original label for object {number} "PASpersonWalking" : "Town"',
            f'Bounding box for object {number} "PASpersonWalking" (Xmin, Ymin) - (Xmax, Ymax) : '
            f"{low} - {high}",
            f'Pixel mask for object {number} "PASpersonWalking" : "Town/PedMasks/a_mask.png"',
            "",
        ]
    return "\r\n".join(lines)


@pytest.fixture(params=[("images", "annotations"), ("PNGImages", "Annotation"), ("", "")])
def town(request, tmp_path):
    return put(tmp_path / "town", *request.param)


def put(root, pictures="images", annotations="annotations", first=1):
    for folder in (pictures, annotations, "masks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name, boxes in zip("abcd", BOXES, strict=True):
        Image.fromarray(np.zeros((24, 32, 3), "uint8")).save(root / pictures / f"{name}.png")
        (root / annotations / f"{name}.txt").write_text(text(boxes, first), newline="")
        (root / f"masks/{name}_mask.png").touch()
    (root / "readme.txt").write_text("Each file is in this format:\n\n" + text([]))
    return root


def boxes_of(source):
    """Returns the boxes of the pictures, all of which `source` judges, by name."""
    split = source.splits["all"]
    samples = [(split.path(index), split.read(index)) for index in range(split.count)]
    return {
        Path(path).stem: [
            tuple(box)
            for box, label in zip(x["boxes"].numpy(), x["box_labels"].numpy(), strict=True)
            if label >= 0
        ]
        for path, x in samples
    }


def test_boxes_are_edges_from_zero(town):
    source = open_source(town, to_judge=True)
    assert source.class_names == ("PASpersonWalking",)
    assert boxes_of(source) == dict(zip("abcd", BOXES, strict=True))
    assert not any("without a picture" in note for note in source.notes)
    assert open_source(f"voc:{town}", test_fraction=0.7).splits.keys() == {"train", "test"}


def test_the_first_pixel_has_the_number_that_a_file_states(tmp_path):
    source = open_source(put(tmp_path, first=0), to_judge=True)
    assert boxes_of(source) == dict(zip("abcd", BOXES, strict=True))
    assert not any("start at 0" in note for note in source.notes)


def test_masks_that_nothing_reads_are_named(tmp_path):
    notes = open_source(put(tmp_path), to_judge=True).notes
    assert "Folders without pictures that have boxes, not read: masks." in notes


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("(3, 4)", "(3, nan)", r"must hold four numbers: .*a.txt has .*\(3, nan\) - \(12, 9\)"),
        ("(3, 4) - ", "", "must hold four numbers: .*a.txt has "),
        ('object 1 "PASpersonWalking" (', "object 1 (", "a name in quotes: .*a.txt has one"),
        ("Objects with ground truth : 2", "Objects with ground truth : 3", "states 3 objects"),
        ("Bounding box for object 2", "# object 2", "states 2 objects and has 1 boxes"),
    ],
)
def test_what_cannot_be_read_is_a_sentence_that_names_the_file(tmp_path, old, new, message):
    path = put(tmp_path) / "annotations/a.txt"
    changed = path.read_text().replace(old, new)
    assert changed != path.read_text()
    path.write_text(changed)
    with pytest.raises(UserError, match=message):
        open_source(tmp_path)
    source = open_source(tmp_path, strict=False, to_judge=True)
    assert len(source.faults) == 1 and source.splits["all"].count == 3


@pytest.mark.skipif(not PENN_FUDAN, reason="KERAS_VIT_PENN_FUDAN names no folder of the real set")
def test_penn_fudan_has_423_pedestrians():
    source = open_source(PENN_FUDAN, to_judge=True)
    found = boxes_of(source)
    assert source.class_names == ("PASpersonStanding", "PASpersonWalking")
    assert len(found) == 170 and sum(map(len, found.values())) == 423
    assert found["FudanPed00001"] == [(159, 181, 302, 431), (419, 170, 535, 486)]
