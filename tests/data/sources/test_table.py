import json
import os

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
    return [(split.path(i), int(label)) for i, label in enumerate(split.labels)]


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


def test_each_label_is_read_with_its_file(tmp_path, pictures):
    lines = ["path,label", *(f"{name}.png,{name}" for name in "abcd" * 9)]
    source = from_table(csv(tmp_path, *lines), test_fraction=0.5)
    split = source.splits["train"]
    for index in range(split.count):
        sample = split.read(tf.constant(index, tf.int64))
        assert source.class_names[sample["label"]] == os.path.basename(split.path(index))[0]
        assert sample["image"] != b""


def test_columns_may_be_called_otherwise(tmp_path, pictures):
    lines = ["file,class,part", "a.png,1,train", "b.png,0,test"]
    columns = {"image_column": "file", "label_column": "class", "split_column": "part"}
    source = from_table(csv(tmp_path, *lines), **columns)
    assert source.class_names == ("0", "1")
    assert contents(source.splits["train"]) == [(pictures[0], 1)]


LABELS = [  # of eight rows, as JSON has them; and the names of their classes
    ([2, 0, 1, 10, 3, 4, 5, 6, 7, 8, 9], [str(i) for i in range(11)]),  # exactly 0 to K - 1
    ([0, 1, 3], ["0", "1", "3"]),
    ([50231877, 60100234], ["50231877", "60100234"]),
    (["7", "007", 7], ["007", "7"]),
    (["0", "01"], ["0", "01"]),
    (["\u0660", "1"], ["1", "\u0660"]),  # a zero, but not ours
    (["cat", "cat ", " dog", "\tdog"], ["cat", "dog"]),
    ([-1, 0, 1], ["-1", "0", "1"]),
    ([True, False], ["false", "true"]),
    ([True, 1, 0], ["0", "1", "true"]),
    (["x", 1], ["1", "x"]),
    (["null", "x"], ["null", "x"]),
]


@pytest.mark.parametrize("labels, names", LABELS)
def test_labels_are_names_alike_in_csv_and_jsonl(tmp_path, labels, names):
    rows = [{"path": f"{i}.png", "label": labels[i % len(labels)]} for i in range(44)]
    texts = [x if isinstance(x, str) else json.dumps(x) for x in labels]
    lines = ["path,label", *(f"{i}.png,{texts[i % len(texts)]}" for i in range(44))]
    for table in (csv(tmp_path, *lines), jsonl(tmp_path, *rows)):
        source = from_table(table, test_fraction=0.5)
        assert list(source.class_names) == names
        for split in source.splits.values():
            for path, label in contents(split):
                index = int(os.path.basename(path).removesuffix(".png"))
                assert source.class_names[label] == texts[index % len(texts)].strip()


def test_what_is_odd_or_not_used_is_named(tmp_path, pictures):
    lines = [
        "path,label,width,split",
        "a.png,7,9,Train",
        "b.png, 9,9,Train",
        "c.png,7,9,VALIDATION",
        "d.png,9,9,extra",
    ]
    source = from_table(csv(tmp_path, *lines))
    assert list(source.splits) == ["train", "test", "extra"]
    assert set(source.notes) == {
        "Columns that are not used: 1 (width).",
        "Labels with spaces around them, left out: 1 (' 9').",
        "Labels that are not all the integers from 0 to K - 1 are taken as names: 7, 9.",
        "There is no test split: VALIDATION serves as one.",
        "Splits that no training uses: 1 (extra).",
        "Classes of which test has no picture: 1 (9).",
        "Classes of which extra has no picture: 1 (7).",
    }


def test_where_a_table_lies_and_how_it_writes_paths_moves_no_picture(tmp_path):
    here, there, home = (tmp_path / name for name in ("here/pets", "there/x/pets", "home"))
    (tmp_path / "link").symlink_to(tmp_path / "here")
    chosen = []
    for table_folder, prefix in [
        (here, ""),
        (here, "./"),
        (here, "../pets/"),
        (here, f"{here}/"),
        (here, f"{tmp_path}/link/pets/"),
        (tmp_path / "link/pets", f"{here}/"),
        (there, f"{there}/"),
        (home, f"{here}/"),
        (home / "deeper", f"{tmp_path}/link/pets/"),
        (home, "../there/x/pets/"),
    ]:
        for folder in (table_folder, here):
            folder.mkdir(parents=True, exist_ok=True)
        lines = [f"{prefix}{'ab'[i % 2]}/{i}.png,{i % 2}" for i in range(60)]
        test = from_table(csv(table_folder, "path,label", *lines)).splits["test"]
        chosen.append({os.path.basename(test.path(i)) for i in range(test.count)})
    assert chosen[0] and chosen == [chosen[0]] * len(chosen)


def test_rows_that_cannot_be_used_are_all_listed_where_that_is_asked(tmp_path):
    rows = [{"path": f"{i}.png", "label": "ab"[i % 2], "split": "train"} for i in range(8)]
    rows[1]["label"], rows[3]["path"], rows[6]["split"] = None, "", 3
    text = "\n".join(map(json.dumps, rows)) + "\n{no json"
    (tmp_path / "table.jsonl").write_text(text)
    source = from_table(tmp_path / "table.jsonl", strict=False)
    assert source.splits["train"].count == 5
    where = f"{tmp_path}/table.jsonl, line"
    assert [fault.partition(": ")[0] for fault in source.faults] == [
        f"{where} 9, is no JSON",
        f"{where} 2, has no value in column 'label'.",
        f"{where} 4, has no value in column 'path'.",
        f"{where} 7, must hold text in column 'split'",
    ]


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
        (["path,label", "a.png,1", "b.png,  "], "line 3, has no value in column 'label'"),
        (["path,label", "a.png,1", "b.png"], "line 3, has no value in column 'label'"),
        (["path,label", "a.png,1,2"], "line 2, must have as many values .* received 1 more"),
        (["path,label", "a.png,cat", "b.png,cat"], "at least two classes: found only 'cat'"),
        (["path,label,split", "a.png,x,train", "b.png,y,"], "line 3, has no value in .*'split'"),
        (["path,label,split", "a.png,x,a", "b.png,y,b"], "must be called train: received a, b"),
        (
            ["path,label,split", "a.png,x,train", "b.png,y,Training"],
            "one name: received Training and train, which both mean train, in .*table.csv",
        ),
        (["path,label,label", "a.png,x,y"], "table.csv has two columns called 'label'"),
        (["path,label,Split", "a.png,x,train"], "a column 'Split', which must be called 'split'"),
        (["path,label, split", "a.png,x,train"], "a column ' split', which must be called 'split'"),
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
        ('{"path": "a.png", "label": ' + 5000 * "1" + "}", "line 1, is no JSON: .*4300 digits"),
        ('["a.png", 1]', "line 1, must be a JSON object"),
        ('{"path": 3, "label": 1}', "line 1, must hold text in column 'path': received 3"),
        ('{"path": "a.png", "label": 1.5}', "line 1, must hold text, an integer or a boolean"),
        ('{"path": "a.png", "label": NaN}', "line 1, must hold text, an integer or a boolean"),
        ('{"path": "a.png", "label": [1]}', "line 1, must hold text, an integer or a boolean"),
        ('{"path": "a.png", "label": null}', "line 1, has no value in column 'label'"),
        ('{"path": "a.png", "label": " "}', "line 1, has no value in column 'label'"),
        (
            '{"path": "a\\ud800.png", "label": 1}',
            "line 1, must hold text in UTF-8: received 'a.ud800.png'",
        ),
        (
            '{"path": "a.png", "label": "x\\udcff"}',
            "line 1, must hold text in UTF-8: received 'x.udcff'",
        ),
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
