import shutil
import sys
import zipfile

import numpy as np
import pytest

from keras_vit.checkpoints import load
from keras_vit.inference import open_artefact


def test_a_keras_file_answers_like_the_model(tiny):
    artefact = open_artefact(tiny.keras_file)
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1)).astype("uint8")
    logits = np.asarray(tiny.model(images))
    expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(artefact.predict(images), expected, atol=1e-6)
    assert artefact.class_names == ("nought", "one", "zwölf")
    assert artefact.image_shape == (8, 8, 1)


def test_of_a_folder_of_versions_the_newest_is_taken(tmp_path, tiny):
    for version in ("2", "10"):
        shutil.copytree(tiny.saved_model, tmp_path / version)
    assert open_artefact(tmp_path).path == tmp_path / "10"
    assert open_artefact(tmp_path / "2").path == tmp_path / "2"


def test_a_missing_model_is_a_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no model at .*/nowhere.keras"):
        open_artefact(tmp_path / "nowhere.keras")


def test_something_else_is_a_sentence(tmp_path):
    (tmp_path / "model.pt").touch()
    with pytest.raises(ValueError, match="A model is a .keras, .tflite, .onnx file or a folder"):
        open_artefact(tmp_path / "model.pt")
    with pytest.raises(ValueError, match="neither a SavedModel nor a version"):
        open_artefact(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "model.keras",
        "model.tflite",
        "model.onnx",
        "model/saved_model.pb",
        "model/model.xml",
    ],
)
def test_a_damaged_model_is_a_sentence(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"this is no model")
    place = path.parent if "/" in name else path
    with pytest.raises(ValueError, match="cannot be read as a model: .+"):
        open_artefact(place)


@pytest.mark.parametrize(
    "told, message",
    [
        ("[1]", r"Preprocessing must be a dictionary: received \[1\]"),
        ('{"crop_ratio": "wide"}', r"`crop_ratio` must lie in \[0.05, 1\]: received wide"),
        ('{"crop_ratio": 1e-9}', r"`crop_ratio` must lie in \[0.05, 1\]"),
        ('{"interpolation": 3}', "`interpolation` must be bicubic or bilinear"),
        ("no json", "Expecting value"),
    ],
)
def test_what_a_stranger_says_of_pictures_is_checked(tmp_path, tiny, told, message):
    shutil.copytree(tiny.saved_model, tmp_path / "1")
    (tmp_path / "1" / "assets.extra" / "metadata.json").write_text(told)
    with pytest.raises(ValueError, match=f"cannot be read as a model: {message}"):
        open_artefact(tmp_path / "1")


@pytest.mark.parametrize(
    "old, new",
    [
        (b'"preprocessing": null', b'"preprocessing": {"crop_ratio": 7}'),
        (b'"preprocessing": null', b'"preprocessing": "wide"'),
        (b'"nought"', b"5"),
        (b'"mlp_dim": 128', b'"mlp_dim": -1'),
    ],
)
def test_what_a_strangers_model_says_is_checked(tmp_path, tiny, old, new):
    path = altered(tiny.keras_file, tmp_path, old, new)
    with pytest.raises(ValueError, match="cannot be read as a model: .*( must |positive integer)"):
        open_artefact(path)
    with pytest.raises(ValueError, match="model.keras"):
        load(path)


def test_what_an_extra_would_open_names_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    (tmp_path / "model.onnx").touch()
    with pytest.raises(ValueError, match=r"onnxruntime.*pip install 'keras-vit\[onnx\]'"):
        open_artefact(tmp_path / "model.onnx")


def altered(keras_file, folder, old, new):
    """Writes a copy of a `.keras` file with another text in its configuration."""
    path = folder / "model.keras"
    with zipfile.ZipFile(keras_file) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert old in files["config.json"]
    files["config.json"] = files["config.json"].replace(old, new)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_a_class_that_is_not_ours_is_refused(tmp_path, tiny):
    path = altered(tiny.keras_file, tmp_path, b"keras_vit>Patches", b"os>system")
    with pytest.raises(ValueError, match="cannot be read as a model"):
        open_artefact(path)
