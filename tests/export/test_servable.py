"""A rewritten model answers as before, and changes nothing of the one it came from."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_vit.export.norms import group_norm, layer_norm, normed, normed_in_16_bits
from keras_vit.export.servable import gelu, servable
from keras_vit.layers import MLP
from keras_vit.models import vit
from keras_vit.tasks import classifier

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("how", [normed, normed_in_16_bits])
@pytest.mark.parametrize(
    "norm, kind, options, shape",
    [
        (layer_norm, keras.layers.LayerNormalization, dict(epsilon=1e-6), (4, 5, 32)),
        (group_norm, keras.layers.GroupNormalization, dict(groups=8, epsilon=1e-5), (4, 2, 3, 32)),
        (group_norm, keras.layers.GroupNormalization, dict(groups=8, epsilon=1e-5), (4, 6, 32)),
    ],
)
def test_the_norm_is_kerass(how, norm, kind, options, shape):
    layer = kind(**options)
    x = RNG.normal(3, 2, shape).astype("float32")
    layer.build(x.shape)
    layer.gamma.assign(RNG.normal(size=32))
    layer.beta.assign(RNG.normal(size=32))
    np.testing.assert_allclose(norm(how, layer, x), layer(x), atol=1e-6)
    assert np.isfinite(norm(how, layer, np.full_like(x, 3))).all()


def test_the_gelu_is_kerass():
    x = np.linspace(-8, 8, 4001, dtype="float32")
    np.testing.assert_allclose(gelu(x), keras.ops.gelu(x, approximate=False), atol=1e-6)


def test_no_complement_of_the_error_function_is_left():
    model = classifier(vit("mu/4", image_size=8), 3)

    def operators(model):
        graph = tf.function(model).get_concrete_function(tf.TensorSpec((1, 8, 8, 3))).graph
        return {each.type for each in graph.get_operations()}

    assert "Erfc" in operators(model)  # Keras' own
    assert operators(servable(model)) & {"Erf", "Erfc"} == {"Erf"}


@pytest.mark.parametrize(
    "options, pool",
    [
        ({}, "class_token"),
        (dict(pre_norm=True, qk_norm=True, layer_scale=0.1, final_norm=False), "mean"),
        (dict(num_registers=2), "class_token_and_mean"),
        (dict(activation="swiglu", distillation_token=True), "attention"),
        (dict(stem="resnet", stem_blocks=(1,)), "mean"),
    ],
)
def test_a_whole_model_answers_as_before(options, pool):
    model = classifier(vit("mu/4", image_size=8, **options), 3, pool=pool)
    for weight in model.trainable_weights:
        weight.assign(weight + 0.1 * RNG.normal(size=weight.shape))
    images = RNG.integers(0, 256, (4, 8, 8, 3)).astype("uint8")
    before = np.asarray(model(images))
    rewritten = servable(model)
    np.testing.assert_allclose(rewritten(images), before, atol=2e-6)
    again = servable(rewritten, whole_numbers=True)
    np.testing.assert_allclose(again(images), before, atol=5e-6)
    np.testing.assert_array_equal(model(images), before)
    for layer in rewritten.weights:
        layer.assign(layer * 0)
    np.testing.assert_array_equal(model(images), before)


@pytest.mark.parametrize(
    "options, pool, count",
    [
        ({}, dict(pool="class_token"), 1),
        (dict(final_norm=False, num_registers=2), dict(pool="class_token"), 1),
        (dict(distillation_token=True), dict(distillation_head=True), 2),
        (dict(distillation_token=True), dict(pool="mean"), 6),
        ({}, dict(pool="attention"), 5),
    ],
)
def test_the_last_block_refines_what_is_pooled_alone(monkeypatch, options, pool, count):
    model = classifier(vit("mu/4", image_size=8, depth=2, **options), 3, **pool)
    for weight in model.trainable_weights:
        weight.assign(weight + 0.1 * RNG.normal(size=weight.shape))
    images = RNG.integers(0, 256, (4, 8, 8, 3)).astype("uint8")
    rewritten, seen, call = servable(servable(model)), [], MLP.call

    def remember(layer, x):
        seen.append(x.shape[1])
        return call(layer, x)

    monkeypatch.setattr(MLP, "call", remember)
    answers = rewritten(images)
    tokens = rewritten.get_layer("embed").output.shape[1]
    assert seen[:2] == [tokens, count]
    np.testing.assert_allclose(answers, model(images), atol=2e-6)


@pytest.mark.parametrize("options", [{"axis": 1}, {"axis": [1, 2]}, {"scale": False}])
def test_other_norms_in_a_model_with_our_layers_stay_as_they_are(options):
    tokens = vit("mu/4", image_size=8)
    x = keras.layers.LayerNormalization(**options)(tokens.output)
    model = keras.Model(tokens.input, keras.layers.Flatten()(x))
    model.get_layer("norm").gamma.assign(RNG.normal(size=tokens.output_shape[-1]))
    images = RNG.integers(0, 256, (2, 8, 8, 3)).astype("float32")
    np.testing.assert_allclose(servable(model)(images), model(images), atol=1e-5)


def test_mixed_precision_becomes_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = classifier(vit("mu/4", image_size=8), 3)
    finally:
        keras.config.set_dtype_policy("float32")
    expected = classifier(vit("mu/4", image_size=8), 3)
    expected.set_weights(model.get_weights())
    images = RNG.integers(0, 256, (4, 8, 8, 3)).astype("uint8")
    np.testing.assert_allclose(servable(model)(images), expected(images), atol=1e-6)
