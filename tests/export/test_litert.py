"""Every variant of a LiteRT file: what it answers, what is in it, what it weighs."""

import collections
import functools
import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from random_models import random_classifier, spread
from thinned import thinned

from keras_vit.evaluation.litert_graph import read_litert
from keras_vit.export import export, litert, stage
from keras_vit.export.litert import VARIANTS, write_litert
from keras_vit.export.servable import servable
from keras_vit.inference import open_artefact
from keras_vit.inference.metadata import texts_in_zip

# Largest difference of a probability, of a random model whose logits have a deviation of 1. The
# best answer that ignores the image is 0.29 off, as `test_an_answer_that_ignores_...` holds.
NEAR = {
    "tflite": 2e-6,
    "tflite-float16": 5e-3,
    "tflite-int8": 0.05,
    "tflite-int8-dense": 0.08,
    "tflite-int8-full": 0.08,
    "tflite-int16": 0.05,
    "tflite-int4": 0.2,
}


DENSE = {  # types of activations and weights of the dense layers, and how many have them
    "tflite": {("FLOAT32", "FLOAT32"): 6},
    "tflite-float16": {("FLOAT32", "FLOAT32"): 6},  # behind a DEQUANTIZE
    "tflite-int8": {("FLOAT32", "INT8"): 6},
    "tflite-int8-dense": {("FLOAT32", "INT8"): 3, ("INT8", "INT8"): 3},
    "tflite-int8-full": {("INT16", "INT8"): 3, ("INT8", "INT8"): 3},
    "tflite-int16": {("INT16", "INT8"): 6},
    "tflite-int4": {("FLOAT32", "INT8"): 3, ("FLOAT32", "INT4"): 3},
}
IMAGES = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 3)).astype("uint8")


FAST = ("tflite", "tflite-int8", "tflite-int8-full")  # the others are of their kinds
BY_COST = thinned([*FAST, *(name for name in VARIANTS if name not in FAST)], fast=len(FAST))


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return spread(random_classifier(), IMAGES)


@pytest.fixture(scope="module")
def variant(model, tmp_path_factory):
    """Returns a function from the name of a variant to its file, written when first asked for."""
    folder = tmp_path_factory.mktemp("litert")

    @functools.cache
    def variant(name):
        options = dict(calibration=IMAGES, class_names=list("abc"))
        return export(model, folder / name, to=(name,), **options)[0]

    return variant


@pytest.mark.parametrize("name", BY_COST)
def test_a_variant_answers_nearly_as_the_model(model, variant, name):
    expected = keras.ops.convert_to_numpy(keras.ops.softmax(model(IMAGES)))
    artefact = open_artefact(variant(name))
    answers = artefact.predict(IMAGES)
    assert np.isfinite(answers).all()
    assert np.abs(answers - expected).max() < NEAR[name]
    assert artefact.class_names == ("a", "b", "c")
    metadata = json.loads(texts_in_zip(variant(name))["metadata.json"])
    assert metadata["format"] == name and metadata["crop_ratio"] == 1.0


def nearest_constant(expected):
    """Returns the smallest largest difference that any answer which ignores the image can have."""
    return (expected.max(axis=0) - expected.min(axis=0)).max() / 2


def test_an_answer_that_ignores_the_image_is_beyond_every_bound(model):
    expected = keras.ops.convert_to_numpy(keras.ops.softmax(model(IMAGES)))
    assert nearest_constant(expected) > 1.4 * max(NEAR.values())
    for constant in (expected.mean(axis=0), np.full(3, 1 / 3), expected[0]):
        assert np.abs(constant - expected).max() >= nearest_constant(expected)


@pytest.mark.parametrize("name", BY_COST)
def test_a_machine_without_xnnpack_answers_nearly_as_the_model_too(model, variant, name):
    expected = keras.ops.convert_to_numpy(keras.ops.softmax(model(IMAGES)))
    kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(str(variant(name)), experimental_op_resolver_type=kernels)
    serve = interpreter.get_signature_runner()
    dtype = serve.get_input_details()["images"]["dtype"]
    scale, zero = serve.get_output_details()["probabilities"]["quantization"]
    answers = [serve(images=image[None].astype(dtype))["probabilities"] for image in IMAGES]
    answers = np.concatenate(answers).astype("float32")
    answers = (answers - zero) * scale if scale else answers
    assert np.abs(answers - expected).max() < NEAR[name]


@pytest.mark.parametrize("name", BY_COST)
def test_dense_layers_have_the_types_that_are_promised(variant, name):
    found = read_litert(variant(name))
    dense = [each for each in found.operators if each.name == "FULLY_CONNECTED"]
    assert collections.Counter(each.inputs[:2] for each in dense) == DENSE[name]
    assert (found.histogram.get("DEQUANTIZE", 0) > 6) == (name == "tflite-float16")


@pytest.mark.slow
def test_four_bits_have_a_scale_per_32_weights(variant):
    content = variant("tflite-int4").read_bytes()
    (graph,) = schema.ModelT.InitFromPackedBuf(content).subgraphs
    four_bits = [each for each in graph.tensors if each.type == schema.TensorType.INT4]
    assert [each.quantization.details.blockSize for each in four_bits] == [32] * 3


def test_full_int8_takes_every_byte_for_a_pixel(tmp_path):
    """Also where it was calibrated on dark images."""
    model = servable(random_classifier())
    dark = (IMAGES // 8).astype("uint8")
    write_litert(model, tmp_path / "x.tflite", "tflite-int8-full", calibration=dark)
    (pixels,) = Interpreter(str(tmp_path / "x.tflite")).get_input_details()
    assert pixels["dtype"] == np.uint8 and pixels["quantization"] == (1.0, 0)


def test_full_int8_computes_with_whole_numbers_alone(variant):
    found = read_litert(variant("tflite-int8-full"))
    assert [each for each in found.operators if each.is_float] == []
    (inputs, outputs) = found.signatures["serving_default"]
    assert inputs == ["images (1, 8, 8, 3) UINT8"]
    assert outputs == ["probabilities (1, 3) UINT8"]


@pytest.mark.parametrize("name", BY_COST)
def test_there_are_built_in_operators_alone_and_no_negation(variant, name):
    found = read_litert(variant(name))
    assert found.custom == [] and "NEG" not in found.histogram
    assert "FULLY_CONNECTED" in found.histogram
    assert "GELU" in found.histogram  # its error function is fused


@pytest.mark.parametrize(
    "name", [each for each in BY_COST if not VARIANTS[each.values[0]].is_whole]
)
def test_xnnpack_computes_the_blocks_in_one_piece(variant, name):
    """It takes no strided slice that drops an axis, and each one in a block would part them."""
    interpreter = Interpreter(str(variant(name)))
    interpreter.allocate_tensors()
    operators = [each["op_name"] for each in interpreter._get_ops_details()]
    assert 1 <= operators.count("DELEGATE") <= 2  # before and behind the class token is taken


def test_the_metadata_can_be_read_with_a_plain_unzip(variant):
    with zipfile.ZipFile(variant("tflite-int8")) as archive:
        assert archive.read("labels.txt").decode() == "a\nb\nc"
        assert b'"signature": "serving_default"' in archive.read("metadata.json")


def test_calibration_keeps_true_minima_and_maxima(tmp_path):
    """A moving average, as ai-edge-quantizer has it, would cut off one image of many."""
    bright = np.zeros((40, 8, 8, 3), "uint8")
    bright[5] = 255
    model = servable(random_classifier())
    write_litert(model, tmp_path / "x.tflite", "tflite-int16", calibration=bright)
    tensors = Interpreter(str(tmp_path / "x.tflite")).get_tensor_details()
    (pixels,) = (x for x in tensors if x["name"] == "serving_default_images:0_quantized")
    assert pixels["quantization"][0] == pytest.approx(255 / 32767, rel=1e-3)


def test_any_number_of_images_by_choice(tmp_path):
    model = servable(random_classifier())
    write_litert(model, tmp_path / "any.tflite", dynamic_batch=True)
    found = read_litert(tmp_path / "any.tflite")
    write_litert(model, tmp_path / "one.tflite")
    assert len(found.operators) > len(read_litert(tmp_path / "one.tflite").operators)  # its cost
    assert found.signatures["serving_default"][0] == ["images (-1, 8, 8, 3) FLOAT32"]
    serve = Interpreter(str(tmp_path / "any.tflite")).get_signature_runner()
    expected = keras.ops.convert_to_numpy(keras.ops.softmax(model(IMAGES)))
    answers = serve(images=IMAGES.astype("float32"))["probabilities"]
    np.testing.assert_allclose(answers, expected, atol=1e-6)
    answers = open_artefact(tmp_path / "any.tflite").predict(IMAGES)
    np.testing.assert_allclose(answers, expected, atol=1e-6)


def test_several_files_are_made_from_one_conversion_and_are_the_same(tmp_path, monkeypatch):
    model, written, write = servable(random_classifier()), [], litert.write_answers

    def count(*args, **kwargs):
        written.append(args)
        write(*args, **kwargs)

    monkeypatch.setattr(litert, "write_answers", count)
    write_litert(model, tmp_path / "alone.tflite", "tflite-int8")
    with stage(model, tmp_path / "all", to=("tflite", "tflite-float16", "tflite-int8")) as staged:
        shared = open_artefact(staged.paths["tflite-int8"]).predict(IMAGES)
    np.testing.assert_array_equal(open_artefact(tmp_path / "alone.tflite").predict(IMAGES), shared)
    assert len(written) == 2 and not Path(written[0][1]).exists()


@pytest.mark.parametrize("name", ["tflite-int8-full", "tflite-int16"])
def test_whole_numbers_are_of_batch_1(tmp_path, name):
    model = servable(random_classifier())
    with pytest.raises(ValueError, match=f"{name} is of batch 1"):
        write_litert(model, tmp_path / "any.tflite", name, calibration=IMAGES, dynamic_batch=True)


def test_an_operator_that_litert_lacks_is_named_with_its_layer(tmp_path):
    class Odd(keras.layers.Layer):
        def call(self, x):
            return tf.math.igamma(x, x)

    model = random_classifier()
    odd = Odd(name="odd_layer")(model.get_layer("pool").output)
    model = keras.Model(model.input, model.get_layer("head")(odd))
    with pytest.raises(ValueError, match="no such operators of its own: Igamma of .*odd_layer"):
        write_litert(model, tmp_path / "x.tflite")
    assert not (tmp_path / "x.tflite").exists()


def test_an_operator_without_whole_numbers_is_named_and_nothing_written(tmp_path):
    class Wavy(keras.layers.Layer):
        def call(self, x):
            return tf.sin(x)

    model = random_classifier()
    wavy = Wavy(name="wavy_layer")(model.get_layer("pool").output)
    model = keras.Model(model.input, model.get_layer("head")(wavy))
    with pytest.raises(ValueError, match="no integer form here: .*SIN of .*wavy_layer"):
        write_litert(model, tmp_path / "x.tflite", "tflite-int16", calibration=IMAGES)
    assert not list(tmp_path.iterdir())


POOLED = [
    ("mean", dict(class_token=False, position="sincos_2d", num_registers=2)),
    ("attention", dict(qk_norm=True, layer_scale=0.1, activation="swiglu")),
    ("class_token", dict(distillation_token=True, channels=1, image_size=(8, 12))),
    ("mean", dict(activation="gelu_tanh", pre_norm=True, final_norm=False)),
]


@pytest.mark.slow
@pytest.mark.parametrize("place, pool, options", [(i, *each) for i, each in enumerate(POOLED)])
def test_every_pooling_and_token_survives(tmp_path, place, pool, options):
    """Each variant with two models, each model in half of the variants."""
    names = list(VARIANTS)[place % 2 :: 2]
    model = random_classifier(pool, **options)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (16, *model.input_shape[1:])).astype("uint8")
    spread(model, images)
    expected = keras.ops.convert_to_numpy(keras.ops.softmax(model(images)))
    paths = export(model, tmp_path, to=tuple(names), calibration=images)
    for name, path in zip(names, paths, strict=True):
        assert nearest_constant(expected) > 1.4 * NEAR[name]
        difference = np.abs(open_artefact(path).predict(images) - expected).max()
        assert difference < NEAR[name], name
