import json
import os

import numpy as np
import pytest
from PIL import Image

RNG = np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path):
    for place in ("train/[red]", "train/b", "test/[red]", "test/b"):
        (tmp_path / place).mkdir(parents=True)
        image = Image.fromarray(RNG.integers(0, 256, (20, 30, 3)).astype("uint8"))
        image.save(tmp_path / place / "1.png")
    return tmp_path


def test_good_data_is_status_0(folder, run):
    (folder / "train/b/notes.txt").write_text("no picture")
    code, out, err = run("check-data", folder)
    assert (code, err) == (0, "")
    assert out.splitlines()[:3] == [
        f"{folder.name}: 2 classes ([red], b), pictures of any size, 2 train, 2 test",
        "Files not named like a picture, left out: 1 (train/b/notes.txt).",
        "train: 2 pictures, 0 broken; height 20, width 30; sizes: 1; per class 1, imbalance 1",
    ]
    assert out.endswith("\nNothing is wrong.\n")


def test_what_is_wrong_is_listed_and_status_1(folder, run):
    (folder / "train/[red]/broken.png").write_bytes(b"")
    (folder / "test/b/copy.png").write_bytes((folder / "train/b/1.png").read_bytes())
    (folder / "train/[red]/copy.png").write_bytes((folder / "train/b/1.png").read_bytes())
    code, out, err = run("check-data", folder)
    assert (code, err) == (1, "")
    lines = out.splitlines()
    broken = lines.index("broken pictures: 1")
    assert lines[broken + 1].startswith(f"  {folder}/train/[red]/broken.png: ")
    assert "it is empty" in lines[broken + 1]
    first = f"  train {folder}/train/[red]/copy.png = test {folder}/test/b/copy.png"
    assert lines[lines.index("pictures in two splits: 1") + 1] == first
    conflict = f"  {folder}/train/[red]/copy.png ([red]), {folder}/train/b/1.png (b)"
    assert lines[lines.index("equal pictures with different labels: 1") + 1] == conflict
    assert "Nothing is wrong." not in out


def test_long_lists_are_cut_in_the_text_alone(folder, run):
    for number in range(30):
        (folder / f"train/b/{number:02}.jpg").write_text("no image")
    code, out, _ = run("check-data", folder)
    assert code == 1 and out.count("is no image") == 20 and "... and 10 more" in out
    code, out, err = run("check-data", folder, "--json")
    assert code == 1 and err.startswith(f"{folder.name}: 2 classes ([red], b), ")
    answer = json.loads(out)
    assert answer["ok"] is False and len(answer["broken"]) == 30
    assert answer["splits"]["train"]["pictures"] == 32


def test_empty_and_unknown_classes_are_listed_with_all_else(folder, run):
    for place in ("train/c", "train/d", "test/e"):
        (folder / place).mkdir()
    (folder / "test/e/1.png").write_bytes(b"")
    (folder / "train/b/broken.png").write_bytes(b"")
    code, out, err = run("check-data", folder)
    assert (code, err) == (1, "")
    lines = out.splitlines()
    faults = lines.index("to be repaired first: 2")
    assert lines[faults + 1 : faults + 3] == [
        f"  Every class needs a picture: in {folder}/train there is none of c, d.",
        f"  Every class of {folder}/test must be one of {folder}/train, which has no e.",
    ]
    assert "broken pictures: 1" in lines
    assert lines[lines.index("classes without a training picture: 2") + 1 :] == ["  c", "  d"]
    code, out, _ = run("check-data", folder, "--json")
    assert code == 1 and len(json.loads(out)["faults"]) == 2


def test_rows_that_cannot_be_used_are_listed_with_all_else(folder, run):
    rows = ["path,label,split", "train/b/1.png,b,train", "train/b/1.png,,train", ",a,train"]
    rows += ["test/[red]/1.png,a,train", "nowhere.png,a,test"]
    (folder / "t.csv").write_text("\n".join(rows))
    code, out, err = run("check-data", folder / "t.csv")
    assert (code, err) == (1, "")
    assert "to be repaired first: 2\n" in out and "line 3, has no value in column 'label'" in out
    assert "line 4, has no value in column 'path'" in out and "There is no such file" in out


def test_names_that_are_no_text_are_printed(folder, run):
    name = os.fsdecode(b"caf\xe9.png")
    (folder / "train/b" / name).write_bytes(b"")
    for words in ((), ("--json",)):
        code, out, err = run("check-data", folder, *words)
        assert code == 1 and r"caf\udce9.png" in out
    assert json.loads(out)["broken"][0]["path"].endswith(name)
    (folder / "train" / os.fsdecode(b"caf\xe9")).mkdir()
    code, out, err = run("check-data", folder)
    assert (code, out) == (2, "")
    assert err.startswith(r"keras-vit: Names of classes must be text in UTF-8, on one line")


def test_a_set_in_memory_is_checked(run):
    code, out, err = run("check-data", "digits", "--json")
    assert code == 0 and err.startswith("digits: 10 classes (0, 1, 2, ")
    answer = json.loads(out)
    assert answer["ok"] is True and answer["source"].startswith(
        "digits: 10 classes (0, 1, 2, 3, 4, ...), 8x8x1 pixels"
    )
    assert answer["splits"]["train"]["height"] == {"min": 8, "median": 8, "max": 8}


@pytest.mark.parametrize(
    "words, message",
    [
        ((), "SOURCE"),
        (("no_such_set",), "no_such_set is neither digits, a folder"),
        (("folder:nowhere",), "There is no folder nowhere"),
        (("/nope",), "There is no folder or file /nope."),
        (("digits", "--test-fraction", "0.2"), "does not apply to digits"),
        (("digits", "--test-fraction", "much"), "much"),
        (("digits", "--jsn"), "--jsn"),
        (("digits", "more", "words"), "keras-vit: Words that no argument takes: more words."),
    ],
)
def test_a_mistake_is_one_line_and_status_2(run, one_line, words, message):
    code, out, err = run("check-data", *words)
    assert (code, out) == (2, "")
    assert message in one_line(err)


def test_boxes_that_do_not_fit_are_listed(folder, run):
    box = "<bndbox><xmin>{}</xmin><ymin>1</ymin><xmax>{}</xmax><ymax>20</ymax></bndbox>"
    for split, name, ends in (
        ("train", "b", (1, 31)),
        ("test", "b", (4, 5)),
        ("train", "c", (9, 3)),
    ):
        xml = f"<object><name>{name}</name>{box.format(*ends)}</object>"
        path = folder / f"voc/{split}/{name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".xml").write_text(f"<annotation>{xml}</annotation>")
        image = RNG.integers(0, 256, (20, 30, 3)).astype("uint8")
        Image.fromarray(image).save(path.with_suffix(".png"))
    code, out, err = run("check-data", folder / "voc")
    assert (code, err) == (1, "")
    lines = out.splitlines()
    assert lines[0] == "voc: 2 classes (b, c), pictures of any size, 2 train, 1 test"
    assert lines[2] == "Boxes left out: 1 of 1 pictures (train/c.png): 1 with inverted corners."
    assert "; 2 boxes; per class 1, imbalance 1" in lines[4]
    assert lines[lines.index("boxes that do not fit: 2") + 1 :] == [
        f"  {folder}/voc/train/b.png: Boxes that reach outside of the picture of 30x20 pixels: "
        "1 of 1 (0, 0 to 31, 20).",
        f"  {folder}/voc/train/c.png: Boxes without area: 1 of 1 (8, 0 to 3, 20).",
    ]
