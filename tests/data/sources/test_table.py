import json

import pytest
import tensorflow as tf
from PIL import Image

from keras_vit.data.sources import from_table


def csv(folder, *lines):
    path = folder / "table.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def jsonl(folder, *rows):
    path = folder / "table.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n\n" for row in rows), "utf-8")
    return path


def contents(split):
    labels = [int(split.read(tf.constant(i, tf.int64))[1]) for i in range(split.count)]
    return [(split.path(i), label) for i, label in enumerate(labels)]


@pytest.fixture
def pictures(tmp_path):
    for name in "abcd":
        Image.new("L", (2, 2)).save(tmp_path / f"{name}.png")
    return [str(tmp_path / f"{name}.png") for name in "abcd"]


def test_csv_and_jsonl_are_read_alike(tmp_path, pictures):
    a, b, c, d = pictures
    lines = ["\ufeffpath,label,split", "a.png,zebra,train", f"{b},ape,train", "c.png,ape,val"]
    rows = [
        {"path": "a.png", "label": "zebra", "split": "train"},
        {"path": b, "label": "ape", "split": "train"},
        {"path": "c.png", "label": "ape", "split": "val"},
    ]
    for table in (csv(tmp_path, *lines), jsonl(tmp_path, *rows)):
        source = from_table(table)
        assert source.name == "table" and source.class_names == ("ape", "zebra")
        assert contents(source.splits["train"]) == [(a, 1), (b, 0)]
        assert contents(source.splits["test"]) == [(c, 0)]


def test_whole_numbers_are_labels_as_they_are(tmp_path, pictures):
    lines = ["file,class,part", "a.png,3,train", "b.png,0,test"]
    columns = {"image_column": "file", "label_column": "class", "split_column": "part"}
    source = from_table(csv(tmp_path, *lines), **columns)
    assert source.class_names == ("0", "1", "2", "3")
    assert contents(source.splits["train"]) == [(pictures[0], 3)]
    rows = [{"path": "a.png", "label": 1}, {"path": "b.png", "label": 0}] * 50
    assert from_table(jsonl(tmp_path, *rows), test_fraction=0.5).class_names == ("0", "1")


def test_without_a_column_of_splits_the_hash_of_the_path_decides(tmp_path):
    lines = ["path,label", *(f"{i}.png,{i % 2}" for i in range(200))]
    splits = from_table(csv(tmp_path, *lines), test_fraction=0.3).splits
    paths = {name: {split.path(i) for i in range(split.count)} for name, split in splits.items()}
    assert 30 < len(paths["test"]) < 90 and len(paths["test"] | paths["train"]) == 200
    again = from_table(csv(tmp_path, *lines[:150]), test_fraction=0.3).splits["test"]
    assert {again.path(i) for i in range(again.count)} < paths["test"]


@pytest.mark.parametrize(
    "lines, message",
    [
        (["path,label"], "has no rows"),
        (["file,label", "a.png,1"], "line 2, has no column 'path': it has 'file', 'label'"),
        (["path,label", "a.png,1", "b.png,"], "line 3, has no value in column 'label'"),
        (["path,label", "a.png,1", "b.png"], "line 3, has no value in column 'label'"),
        (["path,label", "a.png,1,2"], "line 2, must have as many values .* received 1 more"),
        (["path,label", "a.png,cat", "b.png,cat"], "at least two classes: found only 'cat'"),
        (["path,label,split", "a.png,x,train", "b.png,y,"], "line 3, has no value in .*'split'"),
        (["path,label,split", "a.png,x,a", "b.png,y,b"], "must be called train: received a, b"),
        (["path,label", '"a.png,1'], "cannot be read as a table"),
    ],
)
def test_a_csv_that_is_no_source_is_a_sentence_that_names_the_line(tmp_path, lines, message):
    with pytest.raises(ValueError, match=message):
        from_table(csv(tmp_path, *lines))


@pytest.mark.parametrize(
    "text, message",
    [
        ('{"path": "a.png", "label"', "line 1, is no JSON"),
        ('["a.png", 1]', "line 1, must be a JSON object"),
        ('{"path": 3, "label": 1}', "line 1, must hold text in column 'path': received 3"),
        ('{"path": "a.png", "label": 0}\n{"path": "b", "label": -1}', "line 2, has -1"),
        ('{"path": "a.png", "label": "x"}\n{"path": "b", "label": true}', "line 2, has True"),
        ('{"path": "a.png", "label": null}', "line 1, has no value in column 'label'"),
        ('{"path": "a", "label": true}\n{"path": "b", "label": false}', "line 1, has True"),
    ],
)
def test_a_jsonl_that_is_no_source_is_a_sentence_that_names_the_line(tmp_path, text, message):
    (tmp_path / "table.jsonl").write_text(text)
    with pytest.raises(ValueError, match=message):
        from_table(tmp_path / "table.jsonl")


def test_what_is_no_table_is_a_sentence(tmp_path):
    with pytest.raises(ValueError, match="There is no file .*nowhere.csv"):
        from_table(tmp_path / "nowhere.csv")
    (tmp_path / "bytes.csv").write_bytes(b"path,label\n\xff\xfe,1\n")
    with pytest.raises(ValueError, match="bytes.csv cannot be read as a table"):
        from_table(tmp_path / "bytes.csv")
    lines = ["path,label,split", "a.png,x,train", "b.png,y,test"]
    with pytest.raises(ValueError, match="without a column of splits: .*=0.2, and .* has 'split'"):
        from_table(csv(tmp_path, *lines), test_fraction=0.2)
