import os
import shutil

import pytest
import tensorflow_datasets as tfds
from PIL import Image

from keras_vit.data.sources import open_source


@pytest.fixture
def folder(tmp_path):
    for name in ("train/a", "train/b", "test/a", "test/b"):
        (tmp_path / "set" / name).mkdir(parents=True)
        Image.new("L", (2, 2)).save(tmp_path / "set" / name / "1.png")
    return tmp_path / "set"


def test_each_kind_of_source_opens(folder, monkeypatch):
    assert open_source("digits").name == "digits"
    table = folder.parent / "Table.CSV"
    rows = ["path,label,split", "set/train/a/1.png,a,train", "set/test/b/1.png,b,test"]
    table.write_text("\n".join(rows))
    assert open_source(str(table)).name == "Table"
    for text in (folder, str(folder), f"folder:{folder}"):
        assert open_source(text).name == "set"
    monkeypatch.chdir(folder.parent)
    os.rename("set", "digits")
    assert open_source("folder:digits").class_names == ("a", "b")
    os.rename("digits", "folder.csv")
    assert open_source("folder:folder.csv").class_names == ("a", "b")
    with tfds.testing.mock_data(num_examples=3):
        assert open_source("mnist").splits["train"].image_shape == (28, 28, 1)


def test_a_folder_with_boxes_is_opened_by_its_format(folder, tmp_path):
    boxes = tmp_path / "boxes"
    shutil.copytree(folder / "train" / "a", boxes)
    text = "<annotation><object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax>"
    text += "<ymax>2</ymax></bndbox></object></annotation>"
    names = [path.stem for path in boxes.iterdir()]
    for name in names:
        (boxes / f"{name}.xml").write_text(text)
    how = dict(to_judge=True)
    assert open_source(f"voc:{boxes}", **how).class_names == ("cat",)
    with pytest.raises(ValueError, match="`coco:` needs a folder with annotations of COCO: .*boxe"):
        open_source(f"coco:{boxes}", **how)
    with pytest.raises(ValueError, match="`data_dir` does not apply to voc:"):
        open_source(f"voc:{boxes}", data_dir="x")


def test_what_is_there_and_is_no_source_is_named(folder, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(ValueError, match="^There is no folder or file train/c.$"):
        open_source("train/c")
    os.symlink("nowhere", "link")
    with pytest.raises(ValueError, match="must be a folder or a file, or a link to one: .* link"):
        open_source("link")
    with pytest.raises(ValueError, match="must end in .csv or .jsonl to be a source: received t"):
        open_source("train/a/1.png")


def test_a_home_folder_is_found(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    assert open_source("~/set").name == open_source("folder:~/set").name == "set"


def test_what_cannot_be_opened_is_a_sentence(folder):
    with pytest.raises(ValueError, match="no_such is neither digits, a folder, a .csv nor a .js"):
        open_source("no_such", data_dir=str(folder))
    with pytest.raises(ValueError, match="^There is no folder or file /no/such/folder.$"):
        open_source("/no/such/folder")
    for text in ("./nowhere", "../x/y", "~/x/nowhere", "C:\\pictures", "pets.zip", "mnist/"):
        with pytest.raises(ValueError, match="^There is no folder or file [^ ]*$"):
            open_source(text)
    with pytest.raises(ValueError, match="^There is no folder or file pets/x, and TFDS cannot ope"):
        open_source("pets/x")
    with pytest.raises(ValueError, match="Dataset cifar100_ not found. Did you mean cifar100"):
        open_source("cifar100_")
    with pytest.raises(ValueError, match="There is no folder nowhere"):
        open_source("folder:nowhere")
    with pytest.raises(ValueError, match="`test_fraction` does not apply to mnist: .*=0.1"):
        open_source("mnist", test_fraction=0.1)
    for text in ("digits", str(folder)):
        with pytest.raises(ValueError, match="`data_dir` does not apply to"):
            open_source(text, data_dir="x")
