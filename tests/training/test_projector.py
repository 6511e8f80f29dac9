"""Features that TensorBoard's own projector plugin reads."""

import io

import numpy as np
import pytest
from PIL import Image
from projector import opened

from keras_vit.training import log_features

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(5, 7)).astype("float32")
IMAGES = np.broadcast_to(
    np.arange(0, 250, 50, dtype="uint8")[:, None, None, None], (5, 8, 4, 1)
)  # each of one colour


def test_the_plugin_reads_points_with_pictures_and_rows(tmp_path):
    rows = [{"truth": f"a\tb {index}", "probability": index / 3} for index in range(5)]
    log_features(tmp_path, "after 3 epochs", FEATURES, IMAGES, rows)
    runs = opened(tmp_path)
    (run,) = runs("/runs").json
    assert run == "features/after 3 epochs"
    (points,) = runs("/info", run=run).json["embeddings"]
    assert points["tensorName"] == "after 3 epochs" and points["tensorShape"] == [5, 7]
    read = dict(run=run, name="after 3 epochs")
    vectors = np.frombuffer(runs("/tensor", **read).data, "float32").reshape(5, 7)
    np.testing.assert_allclose(vectors, FEATURES, rtol=1e-5)
    table = runs("/metadata", **read).text.splitlines()
    assert table[0] == "truth\tprobability"
    assert table[1:3] == ["a b 0\t0", "a b 1\t0.3333"] and len(table) == 6

    width, height = points["sprite"]["singleImageDim"]
    assert (width, height) == (24, 48)  # six pixels for each of its own
    sprite = Image.open(io.BytesIO(runs("/sprite_image", **read).data))
    assert sprite.size == (3 * width, 2 * height)
    tiles = np.asarray(sprite).reshape(2, height, 3, width, 3).swapaxes(1, 2)
    tiles = tiles.reshape(6, -1)
    assert (tiles.min(1) == tiles.max(1)).all()
    assert tiles[:, 0].tolist() == [0, 50, 100, 150, 200, 255]  # beyond the last one it is white


def test_a_single_column_has_no_heading(tmp_path):
    log_features(tmp_path, "x", FEATURES, IMAGES, [{"truth": index} for index in range(5)])
    runs = opened(tmp_path)
    table = runs("/metadata", run="features/x", name="x").text
    assert table.splitlines() == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("size", [(300, 200), (48, 48)])
def test_large_pictures_are_shrunk_and_rows_may_be_missing(tmp_path, size):
    images = RNG.integers(0, 256, (5, *size, 3)).astype("uint8")
    log_features(tmp_path, "x", FEATURES, images)
    runs = opened(tmp_path)
    (points,) = runs("/info", run="features/x").json["embeddings"]
    assert max(points["sprite"]["singleImageDim"]) == 48 and "metadataPath" not in points
    assert runs("/metadata", run="features/x", name="x").status_code == 400
