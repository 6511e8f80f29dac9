"""What the commands do with a model that enlarges pictures."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from keras_vit.export import save_keras
from keras_vit.images.bicubic import bicubic
from keras_vit.images.decode import decode_picture
from keras_vit.images.preprocessing import Preprocessing
from keras_vit.models import ViTConfig
from keras_vit.tasks import enlarger, super_resolution
from keras_vit.tasks.restore_score import RestorationScore

SIZES = [(40, 31), (33, 52), (14, 60)]  # the last is too small to be scored
RNG = np.random.default_rng(0)
PICTURES = [RNG.integers(0, 256, (*size, 3), dtype="uint8") for size in SIZES]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model that is not trained, and so bicubic."""
    blocks = dict(width=8, depth=1, mlp_dim=8, num_heads=2, class_token=False, position="none")
    model = enlarger(ViTConfig(image_size=16, patch_size=1, window=8, **blocks), scale=2)
    path = tmp_path_factory.mktemp("model") / "x2.keras"
    preprocessing = Preprocessing(fit="keep")
    save_keras(super_resolution(2).deploy(model), path, preprocessing=preprocessing)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "photos"
    folder.mkdir()
    for index, picture in enumerate(PICTURES):
        Image.fromarray(picture).save(folder / f"{index}.png")
    Image.fromarray(PICTURES[0][..., 0]).save(folder / "grey.png")
    return folder


def test_predict_writes_enlarged_pictures_of_any_size(model, folder, run, tmp_path):
    (folder / "broken.png").write_bytes(b"no picture")
    code, out, err = run("predict", model, folder, "--out", tmp_path / "large", "--json")
    (folder / "broken.png").unlink()
    assert code == 1 and "broken.png is no image" in err and "1 of 5 are not answered" in err
    rows = [json.loads(line) for line in out.splitlines()]
    assert rows[0]["classes"] == [{"name": "62 x 80 pixels"}]
    names = sorted(path.name for path in (tmp_path / "large").iterdir())
    assert names == ["0-x2.png", "1-x2.png", "2-x2.png", "grey-x2.png"]
    for index, picture in enumerate(PICTURES):
        large = decode_picture(tmp_path / "large" / f"{index}-x2.png")
        assert np.abs(large - bicubic(picture / 1.0, 2).clip(0, 255)).max() < 0.51
    assert decode_picture(tmp_path / "large" / "grey-x2.png").shape == (80, 62, 1)


def test_evaluate_scores_whole_pictures(model, folder, run, tmp_path):
    code, out, err = run("evaluate", model, "--data", folder, "--out", tmp_path / "report")
    assert code == 0, err
    assert "Left out: " in out and "2.png: A truth must have 15 pixels on each side" in out
    score = json.loads((tmp_path / "report" / "score.json").read_text())
    assert score["images"] == 3 and "crop_ratio" not in score
    pairs = []
    for picture in (*PICTURES[:2], PICTURES[0][..., :1]):
        true = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]
        large = bicubic(bicubic(true, 0.5) / 1.0, 2)
        pairs.append((true, (large + 0.5).clip(0, 255).astype("uint8")))
    expected = RestorationScore.of(pairs, border=2)
    for name, value in expected.figures.items():
        assert score[name] == pytest.approx(value, abs=1e-3)
    with open(tmp_path / "report" / "predictions.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"].rpartition("/")[2] for row in rows] == ["0.png", "1.png", "grey.png"]
    np.testing.assert_allclose(
        [float(x["score"]) for x in rows], expected.pictures[:, 0], atol=1e-3
    )
    assert (tmp_path / "report" / "report.html").exists()


@pytest.mark.parametrize(
    "flag, value",
    [("--crop-ratio", "0.5"), ("--interpolation", "bilinear"), ("--batch-size", "4")],
)
def test_flags_of_resizing_are_refused(model, folder, run, flag, value):
    code, _, err = run("evaluate", model, "--data", folder, flag, value)
    assert code == 2 and f"{flag} does not apply to super_resolution" in err


@pytest.mark.slow
def test_exports_are_compared_on_crops_and_enlarge_whole_pictures(model, folder, run, tmp_path):
    words = ["--test-fraction", "0.5", "--to", "tflite,tflite-int8", "--out", tmp_path / "x2"]
    code, out, err = run("export", model, "--data", folder, *words)
    assert code == 0, err
    report = json.loads((tmp_path / "x2" / "1.json").read_text())
    assert report["judged"]["fit"] == "keep"
    assert "psnr" in out
    code, _, err = run("predict", tmp_path / "x2" / "1.tflite", folder, "--out", tmp_path / "large")
    assert code == 0, err
    large = decode_picture(tmp_path / "large" / "1-x2.png")
    assert np.abs(large - bicubic(PICTURES[1] / 1.0, 2).clip(0, 255)).max() < 0.51
