"""`keras-vit export` of a backbone without a head, and what asks the exports."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

from keras_vit.inference import open_artefact
from keras_vit.models import vit
from keras_vit.tasks import features


@pytest.mark.slow
def test_a_backbone_without_a_head_answers_with_features(tmp_path, run, one_line):
    model = features(vit("mu/4", image_size=8, channels=1))
    model_at = tmp_path / "backbone.keras"
    model.save(model_at)
    out = tmp_path / "out"
    to = ["--to", "savedmodel,tflite,tflite-int8", "--images", 20, "--calibration", 20]
    code, text, err = run("export", model_at, "--data", "digits", "--out", out, *to)
    assert code == 0 and "cosine" in text, err
    rows = json.loads((out / "1.json").read_text())["artefacts"]
    assert [row["figures"]["cosine"] > 0.99 for row in rows] == [True] * 4
    assert [row["difference"] < 1e-5 for row in rows] == [True, True, True, False]
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1)).astype("uint8")
    expected = keras.ops.convert_to_numpy(model(images.astype("float32")))
    for path in (out, out / "1.tflite", model_at):
        found = open_artefact(path)
        assert found.task == "embedding"
        np.testing.assert_allclose(found.answer(images)["features"], expected, atol=1e-5)
    Image.fromarray(images[0, ..., 0]).save(tmp_path / "one.png")
    code, text, _ = run("predict", out, tmp_path / "one.png", "--json", "--top", 32)
    assert code == 0
    values = [row["value"] for row in json.loads(text)["classes"]]
    np.testing.assert_allclose(values, expected[0], atol=1e-4)
    for words, message in (
        (["evaluate", out, "--data", "digits"], "features have none: "),
        (
            ["embed", "digits", "--model", out, "--out", tmp_path / "x.npz"],
            "There is no .safetensors",
        ),
    ):
        code, _, err = run(*words)
        assert code == 2 and message in one_line(err)
