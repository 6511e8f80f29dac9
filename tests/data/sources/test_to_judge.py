"""Every kind of source is opened whole where a model is to be judged on it."""

import json
import types

import numpy as np
import pytest
from PIL import Image

from keras_vit.data.sources import open_source, tfds
from keras_vit.data.sources.files import ALL
from keras_vit.errors import UserError


def put(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".png"):
            Image.new("RGB", (6, 5), "red").save(root / name)
    return root


def counts(source):
    return {name: split.count for name, split in source.splits.items()}


def boxes(root, *names):
    """Annotations of COCO without splits."""
    content = {
        "images": [{"id": i, "file_name": name} for i, name in enumerate(names)],
        "annotations": [
            {"image_id": i, "category_id": 4, "bbox": [0, 0, 2, 2]} for i, _ in enumerate(names)
        ],
        "categories": [{"id": 4, "name": "cell"}],
    }
    (root / "annotations.json").write_text(json.dumps(content))


def xml(root, *names):
    """Annotations of Pascal VOC beside their pictures."""
    corners = "<xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax>"
    thing = f"<object><name>cell</name><bndbox>{corners}</bndbox></object>"
    for name in names:
        (root / name).write_text(f"<annotation>{thing}</annotation>")


NUMBERS = range(8)
PICTURES = tuple(f"{'ab'[i % 2]}/{i}.png" for i in NUMBERS)
FLAT = tuple(f"{i}.png" for i in NUMBERS)


@pytest.mark.parametrize(
    "kind, classes",
    [
        ("folders", ("a", "b")),
        ("folder", ("b",)),
        ("flat", ()),
        ("masks", ()),
        ("voc", ("cell",)),
        ("coco", ("cell",)),
        ("table", ("a", "b")),
    ],
)
def test_a_source_without_splits_is_whole(tmp_path, kind, classes):
    names = {
        "folders": PICTURES,
        "table": PICTURES,
        "folder": [f"b/{name}" for name in FLAT],
        "masks": [f"{part}/{name}" for part in ("images", "masks") for name in FLAT],
    }
    root = put(tmp_path / "set", *names.get(kind, FLAT))
    if kind == "coco":
        boxes(root, *FLAT)
    elif kind == "voc":
        xml(root, *(f"{i}.xml" for i in NUMBERS))
    elif kind == "table":
        (root / "set.csv").write_text("path,label\n" + "".join(f"{x},{x[0]}\n" for x in PICTURES))
        root /= "set.csv"
    source = open_source(root, to_judge=True)
    assert counts(source) == {ALL: 8} and source.class_names == classes
    assert any(note.startswith("There are no splits: all 8 pictures") for note in source.notes)
    # A share may be judged too: the one that a training sets apart.
    apart = open_source(root, to_judge=True, test_fraction=0.5)
    assert sum(counts(apart).values()) == 8 and apart.splits.keys() == {"train", "test"}


@pytest.mark.parametrize(
    "names, classes, found",
    [
        (["test/a/1.png", "test/b/1.png", "notes.txt"], ("a", "b"), {"test": 2}),
        (["holdout/b/1.png"], ("b",), {"test": 1}),
        (["val/b/1.png"], ("b",), {"test": 1}),
        (["train/a/1.png"], ("a",), {"train": 1}),
        (["train/a/1.png", "test/c/1.png"], ("a", "c"), {"train": 1, "test": 1}),
        (["test/1.png", "test/2.png"], (), {"test": 2}),
        (["val/1.png", "test/2.png"], (), {"test": 1, "val": 1}),
        (["test/images/1.png", "test/masks/1.png"], (), {"test": 1}),
    ],
)
def test_splits_are_as_they_are(tmp_path, names, classes, found):
    source = open_source(put(tmp_path / "set", *names), to_judge=True)
    assert source.class_names == classes and counts(source) == found


def test_a_table_of_one_class_and_one_split(tmp_path):
    put(tmp_path, "1.png", "2.png")
    (tmp_path / "t.jsonl").write_text(
        "".join(json.dumps({"path": f"{i}.png", "label": 7, "split": "holdout"}) for i in "1")
    )
    source = open_source(tmp_path / "t.jsonl", to_judge=True)
    assert source.class_names == ("7",) and counts(source) == {"test": 1}


@pytest.mark.parametrize(
    "names, message",
    [
        (["empty/"], "at least one: found none"),
        (["a/", "b/"], "needs a picture: .* has none in a, b"),
    ],
)
def test_nothing_to_judge_is_a_sentence(tmp_path, names, message):
    for name in names:
        (tmp_path / "set" / name).mkdir(parents=True)
    root = tmp_path / "set" / ("empty" if names == ["empty/"] else "")
    with pytest.raises(UserError, match=message):
        open_source(root, to_judge=True)


@pytest.mark.parametrize(
    "known, expected",
    [
        (["train"], ["train"]),
        (["test"], ["test"]),
        (["train", "validation"], ["train", "test"]),
        (["plant"], ["plant"]),
    ],
)
def test_a_set_of_tfds_needs_no_split_of_a_name(monkeypatch, known, expected):
    info = types.SimpleNamespace(
        splits={name: types.SimpleNamespace(num_examples=2) for name in known}, full_name="x/1"
    )
    feature = types.SimpleNamespace(shape=(4, 4, 3))
    stored = types.SimpleNamespace(
        builder=types.SimpleNamespace(info=info, name="x"),
        names={"image": "image"},
        features={"image": feature},
        class_names=("a", "b"),
    )
    monkeypatch.setattr(tfds, "_open", lambda *_: stored)
    monkeypatch.setattr(tfds.records, "count", lambda *_: 2)
    monkeypatch.setattr(tfds.records, "is_annotated", lambda *_: True)
    split = types.SimpleNamespace(labels=np.arange(2), count=2)
    monkeypatch.setattr(tfds, "_decode_all", lambda *_: split)
    assert list(tfds.from_tfds("x", to_judge=True).splits) == expected
