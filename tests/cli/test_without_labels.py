"""What commands do with pictures that have no labels."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

import recipes.folder
from keras_vit.errors import UserError
from keras_vit.models import vit
from keras_vit.tasks import classifier


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "set"
    for number, split in enumerate(("train", "train", "test")):
        (folder / split).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 30), (number, 0, 0)).save(folder / split / f"{number}.png")
    return folder


@pytest.fixture
def model(tmp_path):
    classifier(vit("mu/4", image_size=8), 3).save(tmp_path / "model.keras")
    return tmp_path / "model.keras"


def test_they_are_checked_and_shown(pictures, tmp_path, run):
    code, text, _ = run("check-data", pictures)
    assert code == 0 and text.splitlines()[-3:] == [
        "train: 2 pictures, 0 broken; height 30, width 20; sizes: 1",
        "test: 1 pictures, 0 broken; height 30, width 20; sizes: 1",
        "Nothing is wrong.",
    ]
    code, text, _ = run("check-data", pictures, "--json")
    assert code == 0 and json.loads(text)["splits"]["train"]["per_class"] is None
    code, _, err = run("show-data", pictures, "--out", tmp_path / "gallery.png")
    assert code == 0 and err.startswith("set: no labels, pictures of any size, 2 train, 1 test\n")
    assert (tmp_path / "gallery.png").stat().st_size > 500


def test_they_are_embedded_with_their_paths(pictures, model, tmp_path, run):
    out = tmp_path / "features.npz"
    code, text, _ = run("embed", pictures, "--model", model, "--out", out)
    assert code == 0 and text == f"{out}: 32 numbers each of 2 train, 1 test\n"
    with np.load(out) as archive:
        assert archive["train_features"].shape == (2, 32)
        assert archive["test_paths"].tolist() == [str(pictures / "test" / "2.png")]
        assert not any("labels" in name for name in archive)


@pytest.mark.parametrize("command", ["evaluate", "export"])
def test_what_needs_labels_refuses_them_in_a_sentence(command, pictures, model, tmp_path, run):
    words = ["--out", tmp_path / "out"] if command == "export" else []
    code, out, err = run(command, model, "--data", pictures, *words)
    assert (code, out) == (2, "") and err.splitlines()[-1] == (
        f"keras-vit: `{command}` needs labels, and the pictures of set have none."
    )


def test_a_recipe_refuses_them_before_it_begins(pictures, tmp_path):
    places = dict(run_dir=str(tmp_path / "run"), export_dir=str(tmp_path / "exports"))
    config = dataclasses.replace(recipes.folder.SMOKE[0], data=str(pictures), **places)
    with pytest.raises(UserError, match="A recipe needs labels, and the pictures of set have none"):
        recipes.folder.run(config)
    assert not (tmp_path / "run").exists()
