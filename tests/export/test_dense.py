"""A model that answers with maps is exported to every format and opened again, by name."""

import io
import json

import keras
import numpy as np
import pytest
from PIL import Image
from random_models import randomised
from thinned import thinned

from keras_vit.evaluation.litert_graph import read_litert
from keras_vit.export import FORMATS, export, save_keras
from keras_vit.export.servable import servable
from keras_vit.inference import open_artefact
from keras_vit.inference.metadata import texts_in_zip
from keras_vit.models import vit
from keras_vit.serve.model import open_served
from keras_vit.tasks import features, segmentation, segmenter
from keras_vit.tasks.segment import HEADS

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3)).astype("uint8")
NEAR = {None: 1e-5, 0.3: 0.1, 1.0: 0.2, 1.5: 0.3}  # by `Format.largest_loss`
FIRST = ("savedmodel", "tflite", "tflite-int8", "onnx")
BY_COST = thinned([*FIRST, *(name for name in FORMATS if name not in FIRST)], fast=len(FIRST))


def deployed(head="linear"):
    """A segmenter whose answers are the shares of the classes and the best class of each pixel."""
    trained = randomised(segmenter(vit("mu/8", image_size=16), 3, head=head))
    shares = keras.ops.softmax(trained.output)
    mask = keras.ops.top_k(shares, 1)[1][..., 0]  # `argmax` would be a Flex operator of LiteRT
    return keras.Model(trained.input, {"mask": mask, "shares": shares}, name="segmentation")


def only(model, name):
    """The same model with one of its answers."""
    return keras.Model(model.input, {name: model.output[name]}, name=model.name)


@pytest.mark.parametrize("name", BY_COST)
def test_maps_are_answered_by_name_in_every_format(tmp_path, name):
    if not FORMATS[name].is_at_hand:
        pytest.skip(f"the extra [{FORMATS[name].extra}] is not installed")
    model = deployed()
    carried = dict(calibration=IMAGES, class_names=["road", "sky", "void"])
    (path,) = export(model, tmp_path, to=(name,), **carried)
    artefact = open_artefact(path)
    assert (artefact.task, artefact.class_names) == ("segmentation", ("road", "sky", "void"))
    answers, expected = artefact.answer(IMAGES), model(IMAGES.astype("float32"))
    assert answers.keys() == expected.keys()
    assert answers["shares"].shape == (4, 16, 16, 3)
    difference = np.abs(answers["shares"] - np.asarray(expected["shares"])).max()
    assert difference < NEAR[FORMATS[name].largest_loss]
    if FORMATS[name].largest_loss is None:
        np.testing.assert_array_equal(answers["mask"], expected["mask"])
    with pytest.raises(
        ValueError, match="probabilities of classes: .* is of the task segmentation"
    ):
        artefact.predict(IMAGES)


@pytest.mark.parametrize("name", ["tflite", "savedmodel"])
def test_a_server_answers_with_the_maps(tmp_path, name):
    """A picture that is broken gets zeros, and the others their own answers."""
    (path,) = export(deployed(), tmp_path, to=(name,))
    model, picture = open_served(path), io.BytesIO()
    Image.fromarray(IMAGES[0]).save(picture, "png")
    answers = model.run("serve_bytes", [picture.getvalue(), b"broken"])
    assert sorted(answers) == ["mask", "shares", "valid"] and list(answers["valid"]) == [1, 0]
    expected = model.run("serve_uint8", IMAGES[:1])
    np.testing.assert_allclose(answers["shares"][0], expected["shares"][0], atol=1e-6)
    assert not answers["shares"][1].any() and not answers["mask"][1].any()


def test_the_metadata_name_the_task(tmp_path, tiny_classifier):
    for model, task in ((deployed(), "segmentation"), (tiny_classifier, "classification")):
        (path,) = export(model, tmp_path / task, to=("tflite",))
        assert json.loads(texts_in_zip(path)["metadata.json"])["task"] == task


def test_a_keras_file_with_named_answers_is_opened(tmp_path):
    model = deployed("masks")
    save_keras(model, tmp_path / "dense.keras")
    artefact = open_artefact(tmp_path / "dense.keras")
    assert artefact.task == "segmentation"
    np.testing.assert_array_equal(artefact.answer(IMAGES)["mask"], model(IMAGES)["mask"])


@pytest.mark.slow
def test_answers_in_bytes_need_no_softmax(tmp_path):
    trained = randomised(segmenter(vit("mu/8", image_size=16), 3))
    model = keras.Model(trained.input, {"image": trained.output}, name="restoration")
    (path,) = export(model, tmp_path, to=("tflite-int8-full",), calibration=IMAGES)
    answer, expected = open_artefact(path).answer(IMAGES)["image"], np.asarray(trained(IMAGES))
    assert np.abs(answer - expected).max() < 0.1 * np.abs(expected).max()


@pytest.mark.slow
@pytest.mark.parametrize("head", ["masks", "side"])
def test_every_head_has_operators_of_onnx(tmp_path, head):
    if not FORMATS["onnx"].is_at_hand:
        pytest.skip("the extra [onnx] is not installed")
    model = deployed(head)
    (path,) = export(model, tmp_path, to=("onnx",))
    answer = open_artefact(path).answer(IMAGES)["shares"]
    np.testing.assert_allclose(answer, model(IMAGES)["shares"], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "head, name",
    [*zip(HEADS, ("tflite-int8-full", "tflite-int16", "tflite-int8-full"), strict=True)],
)
def test_every_head_decides_in_integers(tmp_path, head, name):
    """The windows that a whole picture is cut into, and the pictures enlarged before."""
    trained = randomised(segmenter(vit("mu/8", image_size=16), 3, head=head, side_width=8))
    model = segmentation("abc", size=(16, 24), enlarge=(1.5, 2)).deploy(trained)
    images = np.random.default_rng(0).integers(0, 256, (4, 16, 24, 3)).astype("uint8")
    (path,) = export(model, tmp_path, to=(name,), calibration=images)
    assert not any(each.is_float for each in read_litert(path).operators)
    found = open_artefact(path).answer(images)["mask"]
    assert len(np.unique(found)) > 1
    assert (found == np.asarray(model(images)["mask"])).mean() > 0.9


@pytest.mark.slow
def test_an_operator_without_integers_is_named(tmp_path):
    model = deployed()
    answers = {"best": keras.ops.top_k(model.output["shares"], 1)[0]}
    model = keras.Model(model.input, answers, name="segmentation")
    with pytest.raises(ValueError, match="no integer form here: TOPK_V2 of "):
        export(model, tmp_path, to=("tflite-int16",), calibration=IMAGES)


def test_tokens_that_are_an_answer_are_all_computed():
    """Though the pool reads only the first, and `servable` then leaves the others out."""
    backbone = vit("mu/8", image_size=16)
    pooled = features(backbone, pool="class_token").output
    answers = {"features": pooled, "tokens": backbone.output}
    model = randomised(keras.Model(backbone.input, answers, name="embedding"))
    got, expected = servable(model)(IMAGES), model(IMAGES)
    for name in answers:
        np.testing.assert_allclose(got[name], expected[name], atol=1e-5)
