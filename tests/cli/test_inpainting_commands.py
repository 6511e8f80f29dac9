"""What the commands do with a model that fills holes."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from keras_vit.cli.ask_server import answers_of
from keras_vit.errors import UserError
from keras_vit.export import save_keras
from keras_vit.images.decode import decode_picture
from keras_vit.images.holes import with_alpha
from keras_vit.images.preprocessing import Preprocessing
from keras_vit.inference import Artefact
from keras_vit.models import ViTConfig, vit
from keras_vit.tasks import classifier, inpainter, inpainting

SIZES = [(40, 31), (40, 31), (33, 52)]
RNG = np.random.default_rng(0)
PICTURES = [RNG.integers(0, 256, (*size, 3), dtype="uint8") for size in SIZES]
MISSING = np.zeros(SIZES[0], bool)
MISSING[5:12, 8:20] = True


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model that is not trained, and so fills holes smoothly."""
    size = dict(image_size=12, patch_size=4, width=8, depth=1, mlp_dim=8, num_heads=2)
    decoder = dict(decoder_width=8, decoder_depth=1, decoder_heads=2)
    model = inpainting().deploy(inpainter(ViTConfig(**size), **decoder))
    path = tmp_path_factory.mktemp("model") / "inpaint.keras"
    save_keras(model, path, preprocessing=Preprocessing())
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "photos"
    folder.mkdir()
    for index, picture in enumerate(PICTURES):
        Image.fromarray(picture).save(folder / f"{index}.png")
    return folder


@pytest.fixture(scope="module")
def mask(tmp_path_factory):
    path = tmp_path_factory.mktemp("masks") / "hole.png"
    Image.fromarray((255 * MISSING).astype("uint8")).save(path)
    return path


def test_predict_fills_what_the_mask_says(model, folder, mask, run, tmp_path):
    words = ["--mask", mask, "--out", tmp_path / "filled", "--json"]
    code, out, err = run("predict", model, folder, *words)
    assert code == 1 and "1 of 3 are not answered" in err
    assert "2.png has 52 by 33 pixels, the mask 31 by 40" in err
    rows = [json.loads(line) for line in out.splitlines()]
    assert rows[0]["classes"] == [{"name": "31 x 40 pixels"}]
    names = sorted(path.name for path in (tmp_path / "filled").iterdir())
    assert names == ["0-filled.png", "1-filled.png"]
    for index in range(2):
        filled = decode_picture(tmp_path / "filled" / f"{index}-filled.png")
        changed = (filled != PICTURES[index]).any(-1)
        assert changed[MISSING].all() and not changed[~MISSING].any()


def test_predict_fills_what_is_transparent(model, folder, mask, run, tmp_path):
    Image.fromarray(with_alpha(PICTURES[0], MISSING)).save(tmp_path / "clear.png")
    code, _, err = run("predict", model, tmp_path / "clear.png", "--out", tmp_path / "filled")
    assert code == 0, err
    run("predict", model, folder / "0.png", "--mask", mask, "--out", tmp_path / "filled")
    np.testing.assert_array_equal(
        decode_picture(tmp_path / "filled" / "clear-filled.png"),
        decode_picture(tmp_path / "filled" / "0-filled.png"),
    )


def test_what_is_wrong_with_a_hole_is_one_sentence(model, folder, run, tmp_path):
    code, _, err = run("predict", model, folder / "0.png")
    assert code == 2 and "must be transparent where it is to be filled, or have a mask" in err
    Image.new("L", (31, 40)).save(tmp_path / "mask.png")
    code, _, err = run("predict", model, folder / "0.png", "--mask", tmp_path / "mask.png")
    assert code == 2 and "is all black" in err and len(err.splitlines()) == 1


def test_a_mask_is_only_for_models_that_fill_holes(folder, mask, run, tmp_path):
    classifier(vit("mu/4", image_size=8), 2).save(tmp_path / "model.keras")
    code, _, err = run("predict", tmp_path / "model.keras", folder, "--mask", mask)
    assert code == 2
    assert "--mask is for models that fill holes: received one of the task classification" in err


@pytest.mark.slow
def test_evaluate_scores_images_beside_simple_ways_to_fill(model, folder, run, tmp_path):
    code, out, err = run("evaluate", model, "--data", folder, "--out", tmp_path)
    assert code == 0, err
    assert "beside it, mean of what is known: psnr " in out
    assert "beside it, OpenCV's Telea: psnr " in out
    assert "names no classes" not in out
    score = json.loads((tmp_path / "score.json").read_text())
    assert score["images"] == 3 and score["fit"] == "crop"
    assert set(score["baselines"]) == {"mean of what is known", "OpenCV's Telea"}
    assert 0 < score["baselines"]["OpenCV's Telea"]["psnr"] < 50
    with open(tmp_path / "predictions.csv") as file:
        rows = list(csv.DictReader(file))
    assert np.mean([float(row["score"]) for row in rows]) == pytest.approx(score["psnr"])
    assert "OpenCV&#39;s Telea" in (tmp_path / "report.html").read_text()
    assert (tmp_path / "worst.png").exists()


def test_a_server_is_sent_no_holes():
    model = Artefact("inpaint", (16, 16, 4), None, None, task="inpainting")
    with pytest.raises(
        UserError, match="without alpha, and so no holes: .* inpainting, use its page"
    ):
        next(answers_of(model, None, []))


@pytest.mark.slow
def test_every_format_fills_as_the_model_does(model, folder, mask, run, tmp_path):
    formats = "savedmodel,tflite,tflite-float16,tflite-int8,onnx,openvino"
    words = ["--test-fraction", "0.5", "--to", formats, "--out", tmp_path / "inpaint"]
    code, out, err = run("export", model, "--data", folder, *words)
    assert code == 0, err
    assert "psnr" in out
    run("predict", model, folder / "0.png", "--mask", mask, "--out", tmp_path)
    expected = decode_picture(tmp_path / "0-filled.png").astype(int)
    for name in ("1", "1.tflite", "1-float16.tflite", "1-int8.tflite", "1.onnx", "1-openvino"):
        words = ["--mask", mask, "--out", tmp_path / name]
        code, _, err = run("predict", tmp_path / "inpaint" / name, folder / "0.png", *words)
        assert code == 0, err
        filled = decode_picture(tmp_path / name / "0-filled.png")
        assert np.abs(filled - expected).max() <= 1, name
        np.testing.assert_array_equal(filled[~MISSING], PICTURES[0][~MISSING])
