"""What sources say of boxes that nothing learns, and that `packed_boxes` leaves out."""

import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_vit.data.left_out import note_on_left_out
from keras_vit.data.packed_boxes import packed_boxes
from keras_vit.data.sources import from_arrays, open_source
from keras_vit.errors import UserError

SIZE = 20, 30  # height and width
GOOD, REACHING = (2, 3, 10, 12), (-5, -5, 40, 4)
BAD = {
    "with inverted corners": [(10, 3, 2, 12), (2, 9, 5, 3)],
    "without area": [(4, 4, 4, 9)],
    "outside of the picture": [(30, 0, 35, 5), (0, 21, 9, 25), (-9, 0, 0, 5)],
}


def test_what_is_said_is_what_is_left_out():
    every = [box for each in BAD.values() for box in each]
    boxes = [[GOOD, REACHING], [GOOD, *BAD["without area"]], [], every]
    (note,) = note_on_left_out(boxes, [SIZE] * 4, "abcd")
    assert note == (
        "Boxes left out: 7 of 2 pictures (b, d): 2 with inverted corners, 2 without area, "
        "3 outside of the picture."
    )
    (unknown,) = note_on_left_out(boxes, [(0, 0)] * 4, "abcd")
    assert unknown.endswith("1 outside of the picture.")  # left of it, whatever its size
    assert note_on_left_out([[GOOD, REACHING], []], [SIZE] * 2, "ab") == []
    for each, count in ((boxes[0], 0), (boxes[1], 1), (every, 6)):
        sample = {"image": np.zeros((1, *SIZE, 3)), "boxes": np.array([each], "float32")}
        packed = packed_boxes(sample | {"box_labels": np.zeros((1, len(each)), int)}, 1)
        assert (packed[0, :, 4].numpy() == -1).sum() == count


def voc(root, split, boxes):
    sides = ("xmin", "ymin", "xmax", "ymax")
    (root / split).mkdir(parents=True)
    Image.new("RGB", SIZE[::-1]).save(root / split / f"{split}.png")
    objects = ""
    for left, top, right, bottom in boxes:
        pairs = zip(sides, (left + 1, top + 1, right, bottom), strict=True)
        inner = "".join(f"<{name}>{value}</{name}>" for name, value in pairs)
        objects += f"<object><name>ape</name><bndbox>{inner}</bndbox></object>"
    size = f"<size><height>{SIZE[0]}</height><width>{SIZE[1]}</width></size>"
    (root / split / f"{split}.xml").write_text(f"<annotation>{size}{objects}</annotation>")


def coco(root, split, boxes):
    (root / split).mkdir(parents=True)
    Image.new("RGB", SIZE[::-1]).save(root / split / f"{split}.png")
    boxes = [[x, y, right - x, bottom - y] for x, y, right, bottom in boxes]
    content = {
        "images": [{"id": 1, "file_name": f"{split}.png", "height": SIZE[0], "width": SIZE[1]}],
        "annotations": [{"image_id": 1, "category_id": 5, "bbox": box} for box in boxes],
        "categories": [{"id": 5, "name": "ape"}],
    }
    (root / split / "_annotations.coco.json").write_text(json.dumps(content))


@pytest.mark.parametrize("write", [voc, coco])
def test_files_with_bad_boxes_are_noted_and_their_good_ones_read(tmp_path, write):
    bad = [box for each in BAD.values() for box in each if min(box) >= 0]
    write(tmp_path / "set", "train", [GOOD, *bad])
    write(tmp_path / "set", "test", [GOOD, REACHING if write is coco else (5, 0, 40, 4)])
    source = open_source(tmp_path / "set")
    assert [note for note in source.notes if "left out" in note] == [
        "Boxes left out: 5 of 1 pictures (train/train.png): 2 with inverted corners, "
        "1 without area, 2 outside of the picture."
    ]
    sample = source.splits["train"].read(tf.constant(0, tf.int64))
    sample = {name: x[None] for name, x in sample.items()} | {"image": np.zeros((1, *SIZE, 3))}
    np.testing.assert_array_equal(packed_boxes(sample, 1)[0, :, 4], [0, *[-1] * 5])


def test_arrays_with_bad_boxes_are_noted_or_refused():
    images = np.zeros((2, *SIZE, 3), "uint8")
    boxes = np.array([[GOOD, *BAD["without area"]], [GOOD, (0, 0, 0, 0)]], float)
    good = {"image": images, "boxes": boxes, "box_labels": np.array([[0, 0], [0, -1]])}
    source = from_arrays(good, good, class_names=["ape"])
    assert source.notes == ("Boxes left out: 2 of 2 pictures (train 0, test 0): 2 without area.",)
    boxes = boxes.copy()
    boxes[1, 0, 2] = np.nan
    message = r"must be finite: received \[2.0, 3.0, nan, 12.0\] in example 1"
    with pytest.raises(UserError, match=message):
        from_arrays(good | {"boxes": boxes}, good, class_names=["ape"])
