"""`keras-vit embed`."""

from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from keras_vit.data import digits
from keras_vit.models import vit
from keras_vit.tasks import classifier


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.keras"
    keras.utils.set_random_seed(0)
    classifier(vit("mu/4", image_size=8), 3).save(path)
    return path


def test_features_of_a_set_in_memory_and_their_neighbours(tmp_path, model, run):
    out = tmp_path / "new" / "features.npz"
    code, text, err = run("embed", "digits", "--model", model, "--out", out)
    assert code == 0 and err.startswith("digits: 10 classes (0, 1, ") and err.count("\n") == 1
    written, sanity = text.splitlines()
    assert written == f"{out}: 32 numbers each of 1,437 train, 360 test"
    assert sanity.startswith("20 nearest neighbours name ")
    assert float(sanity.split()[4].rstrip("%")) > 60  # random weights keep what is near near
    with np.load(out, allow_pickle=False) as archive:
        assert archive["train_features"].shape == (1437, 32)
        assert archive["test_features"].dtype == np.float32
        labels = np.concatenate([labels for _, labels in _batches(digits().splits["test"])])
        np.testing.assert_array_equal(archive["test_labels"], labels)
        assert archive["class_names"].tolist() == list("0123456789")


def _batches(split):
    from keras_vit.data import eval_batches

    return eval_batches(split, batch_size=100).as_numpy_iterator()


def test_pictures_that_cannot_be_read_are_counted(tmp_path, model, run):
    for split in ("train", "test"):
        for name in ("red", "blue"):
            (tmp_path / "data" / split / name).mkdir(parents=True)
            Image.new("RGB", (20, 30), name).save(tmp_path / "data" / split / name / "1.png")
    (tmp_path / "data" / "test" / "red" / "broken.png").write_bytes(b"no picture")
    out = tmp_path / "features.npz"
    code, text, err = run("embed", tmp_path / "data", "--model", model, "--out", out)
    assert code == 0 and "broken.png is left out: " in err
    assert "32 numbers each of 2 train, 2 test" in text and "2 nearest neighbours name" in text
    with np.load(out, allow_pickle=False) as archive:
        paths = archive["test_paths"].tolist()
        of_paths = [archive["class_names"].tolist().index(Path(path).parent.name) for path in paths]
        assert archive["test_labels"].tolist() == of_paths


@pytest.mark.parametrize(
    "words, message",
    [
        (["digits", "--out", "a.npy"], "--out must end in .npz"),
        (["digits", "--out", "a.npz", "--neighbours", "0"], "--neighbours must be at least 1"),
        (["nowhere", "--out", "a.npz"], "nowhere is neither digits, a folder"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(model, run, one_line, words, message):
    code, _, err = run("embed", *words, "--model", model)
    assert code == 2 and message in one_line(err)
