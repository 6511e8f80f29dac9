"""Explanations of small models, against gradients and sums that are known."""

import keras
import numpy as np
import pytest
from keras import ops
from thinned import thinned

import keras_vit
from keras_vit import interpret
from keras_vit.errors import UserError
from keras_vit.interpret.anatomy import question
from keras_vit.interpret.gradients import as_graph, with_gradients
from keras_vit.interpret.intercept import intercepted
from keras_vit.interpret.relevance import rules_of
from keras_vit.models import vit
from keras_vit.tasks import classifier, detection, detector, features, segmentation, segmenter

RNG = np.random.default_rng(0)
METHODS = {
    "raw_attention": dict(),
    "attention_rollout": dict(fusion="max", discard=0.5),
    "gradient_rollout": dict(target=1),
    "relevance": dict(target=1),
    "transformer_attribution": dict(target=1),
    "grad_cam": dict(target=1),
    "integrated_gradients": dict(target=1, steps=4),
    "smooth_grad": dict(target=1, samples=2),
    "occlusion": dict(target=1),
    "patch_dropping": dict(target=1),
}
ONE_FOR_EACH_PIXEL = ("integrated_gradients", "smooth_grad", "occlusion")
MODELS = {
    "class token": ({}, "class_token"),
    "registers": (dict(num_registers=2, activation="swiglu", qk_norm=True), "class_token"),
    "distilled": (dict(distillation_token=True, layer_scale=0.5), "class_token"),
    "mean": (dict(class_token=False, num_registers=1, activation="quick_gelu"), "mean"),
    "both": (dict(num_registers=2), "class_token_and_mean"),
    "attention": (dict(final_norm=False), "attention"),
    "hybrid": (dict(stem="resnet", stem_blocks=(1,)), "mean"),
    "small data": (dict(stem="t2t", locality=True, class_token=False), "sequence"),
}


def noisy(model, scale=0.3):
    """Gives a model weights that are all different from 0."""
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(weight + scale * rng.normal(size=weight.shape))
    return model


def build(options=None, pool="class_token", **more):
    backbone = vit("mu/4", **{"image_size": (8, 12), "depth": 2, **(options or {})})
    return noisy(classifier(backbone, 3, pool=pool, **more))


IMAGES = RNG.integers(0, 256, (2, 8, 12, 3)).astype("uint8")


# Each method with two kinds of models, each kind with three or four methods.
PAIRS = [
    (name, list(MODELS)[(place + turn) % len(MODELS)])
    for place, name in enumerate(METHODS)
    for turn in (0, 3)
]


@pytest.mark.tensorflow
@pytest.mark.parametrize("name,kind", PAIRS)
def test_methods_map_models(name, kind):
    model = build(*MODELS[kind], distillation_head=kind == "distilled")
    before = ops.convert_to_numpy(model(IMAGES))
    explain = getattr(interpret, name)(model, **METHODS[name])
    maps = ops.convert_to_numpy(explain(IMAGES))
    size = (8, 12) if name in ONE_FOR_EACH_PIXEL else (2, 3)
    assert maps.shape == (2, *size) and maps.dtype == np.float32
    assert np.isfinite(maps).all() and maps.std(axis=(1, 2)).max() > 0
    alone = ops.convert_to_numpy(explain(IMAGES[1:]))
    np.testing.assert_allclose(alone[0], maps[1], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(ops.convert_to_numpy(model(IMAGES)), before)


@pytest.mark.tensorflow
def test_integrated_gradients_sum_up_to_the_difference():
    model = build()
    asked = question(model, 2)
    maps = as_graph(interpret.integrated_gradients(model, 2, baseline=30.0))(IMAGES)
    change = asked.score(IMAGES / 1.0) - asked.score(np.full_like(IMAGES, 30) / 1.0)
    np.testing.assert_allclose(ops.sum(maps, axis=(1, 2)), change, rtol=0.01)


@pytest.mark.tensorflow
@pytest.mark.parametrize("kind", MODELS)
def test_the_rules_change_no_answer(kind):
    model = build(*MODELS[kind], pre_logits=4)
    with intercepted(*rules_of(model)):
        by_rules = ops.convert_to_numpy(model(IMAGES))
    np.testing.assert_allclose(by_rules, ops.convert_to_numpy(model(IMAGES)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", thinned(MODELS, fast=1))
def test_relevance_is_conserved(kind):
    model = build(*MODELS[kind], pre_logits=4)
    found = interpret.relevance_balance(model, 1)(IMAGES)
    found = {name: ops.convert_to_numpy(value) for name, value in found.items()}
    answer = found.pop("answer")
    np.testing.assert_allclose(answer, question(model, 1).score(IMAGES), rtol=1e-4)
    np.testing.assert_allclose(sum(found.values()), answer, rtol=1e-3, atol=1e-3)
    maps = interpret.relevance(model, 1)(IMAGES)
    np.testing.assert_allclose(ops.sum(maps, axis=(1, 2)), found["patches"], rtol=1e-3, atol=1e-5)
    assert all(np.abs(each).max() > 0 for name, each in found.items() if name != "prefix")


@pytest.mark.tensorflow
def test_what_is_explained_has_names_and_limits():
    backbone = vit("mu/4", image_size=(8, 12))
    model = noisy(classifier(backbone, 3, class_names=["cat", "dog", "dog"]))
    by_name, by_index = (interpret.relevance(model, target)(IMAGES) for target in ("cat", 0))
    np.testing.assert_array_equal(by_name, by_index)
    for target, message in (
        ("horse", "no class called 'horse'"),
        ("dog", "Several classes are called 'dog': name one by its index, 1, 2"),
        (3, r"`target` must lie in \[0, 3\): received 3"),
    ):
        with pytest.raises(UserError, match=message):
            interpret.grad_cam(model, target)
    best = ops.convert_to_numpy(ops.argmax(model(IMAGES), axis=-1))
    maps = interpret.relevance(model)(IMAGES)
    for place, index in enumerate(best):
        expected = interpret.relevance(model, int(index))(IMAGES)[place]
        np.testing.assert_allclose(maps[place], expected, rtol=1e-5)


@pytest.mark.tensorflow
def test_a_dimension_of_features_is_explained():
    model = noisy(features(vit("mu/4", image_size=8)))
    images = RNG.integers(0, 256, (1, 8, 8, 3)).astype("uint8")
    assert ops.shape(interpret.relevance(model, 5)(images)) == (1, 2, 2)
    assert isinstance(model, keras.Model)


def test_gradients_are_those_of_finite_differences():
    asked = question(build(), 1)
    images = IMAGES.astype("float32")
    whole = ops.convert_to_tensor(images)
    _, _, slopes = with_gradients(lambda tap: asked.score(tap("images", whole)))
    for place in ((0, 3, 4, 1), (1, 7, 11, 2)):
        change = []
        for sign in (1, -1):
            moved = np.array(images)
            moved[place] += sign * 2
            change.append(sign * float(asked.score(moved)[place[0]]))
        found = ops.convert_to_numpy(slopes["images"])[place]
        assert found == pytest.approx(sum(change) / 4, rel=0.02, abs=1e-5)


@pytest.mark.tensorflow
def test_a_saved_model_has_the_same_maps(tmp_path):
    model = build()
    model.save(tmp_path / "model.keras")
    again = keras_vit.load(tmp_path / "model.keras")
    for name in ("relevance", "grad_cam", "gradient_rollout"):
        first, second = (getattr(interpret, name)(each, 1)(IMAGES) for each in (model, again))
        np.testing.assert_array_equal(first, second)


@pytest.mark.tensorflow
def test_pixels_and_boxes_are_explained():
    size = dict(image_size=(16, 24), depth=2)
    model = noisy(segmenter(vit("mu/4", **size), 3, head="linear"))
    images = RNG.integers(0, 256, (2, 16, 24, 3)).astype("uint8")
    deployed = segmentation(("sky", "road", "car")).deploy(model)
    maps = [
        ops.convert_to_numpy(interpret.relevance(deployed, interpret.Pixel(3, 20, target))(images))
        for target in ("road", 1, None)
    ]
    assert maps[0].shape == (2, 4, 6) and np.abs(maps[0]).max() > 0
    np.testing.assert_array_equal(maps[0], maps[1])
    with pytest.raises(UserError, match="within 16 rows and 24 columns: received row 16"):
        interpret.relevance(deployed, interpret.Pixel(16, 0))
    with pytest.raises(UserError, match="explained at one `Pixel`"):
        interpret.relevance(deployed, 0)
    boxes = detection(("cat",)).deploy(noisy(detector(vit("mu/4", **size), 1, width=8, depth=1)))
    first, second = (interpret.relevance(boxes, place)(images) for place in (0, 5))
    assert ops.shape(first) == (2, 4, 6)
    assert np.abs(ops.convert_to_numpy(first) - ops.convert_to_numpy(second)).max() > 0


def test_each_image_may_be_asked_about_another_class():
    model, images = build(), np.concatenate([IMAGES, IMAGES])
    for method in (interpret.relevance, interpret.gradient_rollout, interpret.patch_dropping):
        maps = np.asarray(method(model, np.array([0, 1, 2, 2]))(images))
        for place, index in enumerate((0, 1, 2, 2)):
            alone = np.asarray(method(model, index)(images[place : place + 1]))[0]
            np.testing.assert_allclose(maps[place], alone, atol=1e-4 * np.abs(alone).max())
    with pytest.raises(UserError, match=r"`target` must lie in \[0, 3\): received 3"):
        interpret.relevance(model, np.array([0, 3]))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_relevance_of_a_model_that_trains_in_half_precision(policy):
    whole = build()
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        half = build()
    finally:
        keras.config.set_dtype_policy(before)
    half.set_weights(whole.get_weights())
    expected, found = (np.asarray(interpret.relevance(x, 1)(IMAGES)) for x in (whole, half))
    np.testing.assert_allclose(found, expected, atol=0.05 * np.abs(expected).max())


def test_as_many_targets_as_images():
    explain = interpret.relevance(build(), np.array([1]))
    with pytest.raises(UserError, match="Each image needs a target: received 1 for 2"):
        explain(IMAGES)
