"""What the server says of a model, and what its page shows, for tasks of any kind."""

import base64
import dataclasses
import io
import time

import keras
import numpy as np
import pytest
from google.protobuf import json_format
from PIL import Image
from servers import serving_file, serving_here
from tensorflow.core.framework.types_pb2 import DataType
from tensorflow_serving.apis.get_model_metadata_pb2 import SignatureDefMap

from keras_vit.export import export
from keras_vit.inference import Artefact, open_artefact
from keras_vit.inference.described import rows_of
from keras_vit.models import vit
from keras_vit.serve.app import create_app
from keras_vit.serve.metadata import describe, read_described
from keras_vit.serve.model import ServedModel, open_served
from keras_vit.serve.protocol import Signature
from keras_vit.tasks import answering, features, super_resolution
from keras_vit.tasks.palette import coloured, overlay, palette

PICTURE = np.random.default_rng(0).integers(0, 256, (16, 24, 3)).astype("uint8")


def png(pixels=PICTURE):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def opened(url):
    head, content = url.split(",")
    assert head == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(content)))


@pytest.fixture(scope="module")
def client(streets):
    with serving_file(streets) as client:
        yield client


def test_a_mask_is_answered_described_and_drawn(client, streets):
    answer = open_artefact(streets).answer(PICTURE[None])
    mask = answer["mask"][0]
    name = streets.parent.name
    request = {"signature_name": "serve_uint8", "instances": [PICTURE.tolist()]}
    reply = client.post(f"/v1/models/{name}:predict", json=request).json()
    np.testing.assert_array_equal(reply["predictions"], answer["mask"])
    shown = client.post("/show", content=png()).json()
    colours = palette(3)
    assert {row["name"] for row in shown["rows"]} <= {"road", "sky", "tree"}
    for row in shown["rows"]:
        assert row["area"] == pytest.approx((mask == row["index"]).mean())
        assert row["colour"] == "#{:02x}{:02x}{:02x}".format(*colours[row["index"]])
    pictures = {name: opened(url) for name, url in shown["pictures"].items()}
    np.testing.assert_array_equal(pictures["mask"], mask)
    expected = overlay(PICTURE, coloured(mask, 3))
    np.testing.assert_array_equal(pictures["overlay"], expected)


def test_a_server_says_what_its_model_is_for(client, streets):
    reply = client.get(f"/v1/models/{streets.parent.name}/metadata").json()
    described = json_format.ParseDict(reply["metadata"]["signature_def"], SignatureDefMap())
    mask = described.signature_def["serving_default"].outputs["mask"]
    assert DataType.Name(mask.dtype) == "DT_INT32"
    assert [side.size for side in mask.tensor_shape.dim] == [-1, 16, 24]
    known, artefact = read_described(reply), open_artefact(streets)
    for name in ("task", "options", "class_names", "preprocessing", "image_shape"):
        assert getattr(known, name) == getattr(artefact, name), name
    assert (known.task, known.options) == ("segmentation", {"void": 255})


@pytest.mark.parametrize("reply", [[], {}, {"metadata": 3}, {"task": "x", "metadata": {}}])
def test_other_servers_say_less(reply):
    assert read_described(reply) is None


@pytest.mark.parametrize(
    "dtype, name",
    [("int64", "DT_INT64"), ("uint8", "DT_UINT8"), ("float32", "DT_FLOAT"), ("S4", "DT_STRING")],
)
def test_dtypes_are_called_as_tensorflow_calls_them(dtype, name):
    signatures = {"serve": Signature("images", "float32", (2,))}
    model = ServedModel("x", "1", "none", signatures, None, Artefact("x", (1, 2, 3), None, None))
    found = describe(model, {"serve": {"y": np.zeros((1, 2), dtype)}})
    (signature,) = found["metadata"]["signature_def"]["signature_def"].values()
    assert signature["outputs"]["y"]["dtype"] == name
    assert DataType.Value(name)


@pytest.mark.parametrize("kind", ["saved_model", "litert"])
def test_a_classifier_shows_its_best_classes_and_no_picture(tiny, kind):
    pixels = PICTURE[:8, :8, 0]
    with serving_file(getattr(tiny, kind)) as client:
        shown = client.post("/show", content=png(pixels)).json()
    artefact = open_artefact(tiny.keras_file)
    answer = {"probabilities": artefact.predict(pixels[None, ..., None])[0]}
    expected = rows_of(artefact, answer, 5)
    assert shown["pictures"] == {}
    assert [row["name"] for row in shown["rows"]] == [row["name"] for row in expected]
    for row, wanted in zip(shown["rows"], expected, strict=True):
        assert row["probability"] == pytest.approx(wanted["probability"], abs=1e-5)


def test_an_unknown_task_shows_its_numbers(tmp_path):
    backbone = features(vit("mu/8", image_size=16))
    direction = keras.layers.Dense(2)(backbone.output)
    answers = {"direction": direction, "all": backbone.output}
    model = answering(backbone.input, answers, "angle")
    (path,) = export(model, tmp_path, to=("tflite",))
    with serving_file(path) as client:
        shown = client.post("/show", content=png()).json()
    rows = {row["name"]: row["value"] for row in shown["rows"]}
    assert rows.pop("all") == "32 numbers"
    assert sorted(rows) == ["direction[0]", "direction[1]"]
    assert all(isinstance(value, float) for value in rows.values())


def test_what_cannot_be_shown_is_said(client):
    for content, message in ((b"broken", "no picture that can be read"), (b"", "no picture")):
        reply = client.post("/show", content=content)
        assert reply.status_code == 400 and message in reply.json()["error"]
    signatures = {"serve": Signature("images", "float32", (2,))}
    artefact = Artefact("x", (1, 2, 3), None, None)
    model = ServedModel("x", "1", "none", signatures, lambda *_: {"y": np.zeros((1, 1))}, artefact)
    with serving_here(create_app(model)) as other:
        reply = other.post("/show", content=png())
        assert reply.status_code == 400 and "takes no pictures" in reply.json()["error"]


WIDE = np.random.default_rng(0).integers(0, 256, (32, 96, 3)).astype("uint8")  # of another shape


def test_boxes_are_listed_in_pixels_of_the_whole_picture(cats):
    with serving_file(cats) as client:
        shown = client.post("/show", content=png(WIDE)).json()
        every = client.post("/show?threshold=0", content=png(WIDE)).json()["rows"]
        none = client.post("/show?threshold=1", content=png(WIDE)).json()["rows"]
        for wrong, message in (("2", "must lie in [0, 1]"), ("x", "convert"), ("nan", "must lie")):
            reply = client.post(f"/show?threshold={wrong}", content=png(WIDE))
            assert reply.status_code == 400 and message in reply.json()["error"]
    artefact = open_artefact(cats)
    answer = artefact.answer(artefact.read_image(png(WIDE))[None])
    sure = answer["scores"][0] >= 0.5
    assert len(shown["rows"]) == sure.sum() > 5
    corners = [
        [row[side] for side in ("x_min", "y_min", "x_max", "y_max")] for row in shown["rows"]
    ]
    np.testing.assert_allclose(corners, answer["boxes"][0][sure] * (4, 2, 4, 2), atol=1e-4)
    assert shown["rows"] == every[: len(corners)] and len(every) == (answer["classes"] >= 0).sum()
    assert shown["pictures"] == {} and none == []


def test_a_threshold_is_for_models_with_scores(client):
    reply = client.post("/show?threshold=0.5", content=png())
    assert reply.status_code == 400 and "for one of the task segmentation" in reply.json()["error"]


def test_a_mask_covers_the_whole_picture(client, streets):
    """Of a picture that is as wide as the model's, its crop of the middle leaves out the rest."""
    pixels = np.random.default_rng(0).integers(0, 256, (1800, 1200, 3)).astype("uint8")
    shown = client.post("/show", content=png(pixels)).json()
    mask = np.asarray(opened(shown["pictures"]["mask"]))
    assert mask.shape == (1024, 683)
    seen = np.flatnonzero((mask != 255).any(axis=1))
    assert (seen[0], seen[-1]) == pytest.approx((284, 739), abs=2)  # 16 / 24 of the width
    assert opened(shown["pictures"]["overlay"]).size == (683, 1024)


def test_a_picture_of_any_size_is_enlarged_whole(doubler):
    artefact = open_artefact(doubler)
    with serving_file(doubler) as client:
        for pixels in (WIDE, WIDE[:11, :, 0]):  # tiles are 16x16
            shown = client.post("/show", content=png(pixels)).json()
            height, width = pixels.shape[:2]
            assert shown["rows"] == [{"name": f"{2 * width} x {2 * height} pixels"}]
            large = np.asarray(opened(shown["pictures"]["x2"]))
            whole = pixels.reshape(height, width, -1)
            expected = super_resolution(2).whole(artefact.answer, artefact.image_shape, whole)
            np.testing.assert_array_equal(large, expected["image"].reshape(large.shape))


def test_nobody_enlarges_a_picture_for_which_nobody_waits(doubler):
    model, asked = open_served(doubler), []

    def run(name, inputs):
        asked.append(len(inputs))
        time.sleep(0.05)
        return model.run(name, inputs)

    slow = dataclasses.replace(model, run=run)
    with serving_here(create_app(slow, timeout=0.5)) as client:
        while client.get("/readyz").status_code != 200:
            time.sleep(0.05)
        pixels = np.zeros((512, 512, 3), "uint8")
        reply = client.post("/show", content=png(pixels))
        assert reply.status_code == 504 and "within 0.5 seconds" in reply.json()["error"]
        time.sleep(0.2)
        count = len(asked)
        time.sleep(0.3)
    assert len(asked) == count > 3
