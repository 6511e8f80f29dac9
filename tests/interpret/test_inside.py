"""What a model is like inside, against values that are known."""

import numpy as np
import pytest
from keras import ops

from keras_vit import interpret
from keras_vit.errors import UserError
from keras_vit.interpret.anatomy import anatomy
from keras_vit.models import vit

pytestmark = pytest.mark.tensorflow  # NumPy does most of it
RNG = np.random.default_rng(0)
SIZE = 8, 12  # two rows and three columns of patches of 4x4 pixels
IMAGES = RNG.integers(0, 256, (4, *SIZE, 3)).astype("uint8")


@pytest.fixture(scope="module")
def model():
    return vit("mu/4", image_size=SIZE, depth=2, num_registers=1)


def test_positions_are_compared_by_cosine(model):
    table = ops.convert_to_numpy(model.get_layer("embed").positions)[0, -6:]
    found = interpret.position_similarity(model)
    assert found.shape == (2, 3, 2, 3)
    lengths = np.linalg.norm(table, axis=1)
    expected = table[1] @ table[5] / lengths[1] / lengths[5]
    assert found[0, 1, 1, 2] == pytest.approx(expected, abs=1e-6)
    with pytest.raises(UserError, match="have no positions"):
        interpret.position_similarity(vit("mu/4", image_size=8, position="none"))


def test_filters_are_found_by_their_variance(model):
    kernel = model.get_layer("embed").projection.kernel
    shape = RNG.normal(size=48)
    shape /= np.linalg.norm(shape)
    strengths = RNG.normal(size=kernel.shape[1])
    kernel.assign(np.outer(shape, strengths) + 1e-3 * RNG.normal(size=kernel.shape))
    filters, shares = interpret.patch_filters(model, 2)
    assert filters.shape == (2, 4, 4, 3) and shares[0] > 0.99 and shares.sum() <= 1
    np.testing.assert_allclose(np.abs(filters[0].ravel() @ shape), 1, atol=1e-3)
    with pytest.raises(UserError, match="`count` must be at least 1: received 0"):
        interpret.patch_filters(model, 0)


def test_a_head_that_attends_to_all_alike_has_the_mean_distance():
    model = vit("mu/4", image_size=SIZE, depth=2)
    for block in [layer for layer in model.layers if layer.name.startswith("block")]:
        kernel = block.attention.qkv.kernel
        kernel.assign(ops.zeros_like(kernel))
    places = np.array([(row, column) for row in (0, 4) for column in (0, 4, 8)])
    expected = np.linalg.norm(places[:, None] - places, axis=-1)
    np.testing.assert_allclose(interpret.patch_distances(model), expected)
    found = interpret.attention_distance(model)(IMAGES)
    assert found.shape == (4, 2, 2)
    np.testing.assert_allclose(found, expected.mean(), rtol=1e-5)


def test_a_head_that_attends_to_one_patch_has_the_distance_to_it(model, monkeypatch):
    block = model.get_layer("block01")
    scores = np.full((4, 2, 8, 8), 1e-6)
    scores[:, 0, :, 7] = 0.4  # to the last patch; the rest goes to prefix tokens
    scores[:, 0, :, 0] = 0.6
    monkeypatch.setattr(block, "attention_scores", lambda tokens: ops.convert_to_tensor(scores))
    found = interpret.attention_distance(model)(IMAGES)[:, 1]
    ways = [np.hypot(4 - row, 8 - column) for row in (0, 4) for column in (0, 4, 8)]
    np.testing.assert_allclose(found[:, 0], np.mean(ways), rtol=1e-3)


def test_a_model_of_one_block_is_measured():
    model = vit("mu/4", image_size=SIZE)
    assert interpret.attention_distance(model)(IMAGES).shape == (4, 1, 2)
    assert interpret.mean_patches(model)(IMAGES).shape == (4, 2, 32)
    assert interpret.token_norms(model)(IMAGES).shape == (4, 2, 7)


def test_distances_are_refused_of_windows_before_any_image():
    model = vit("mu/4", image_size=16, window=2, class_token=False)
    with pytest.raises(UserError, match="received windows"):
        interpret.attention_distance(model)


def test_patches_are_averaged_without_the_tokens_before_them(model):
    found = interpret.mean_patches(model)(IMAGES)
    assert found.shape == (4, 3, 32) and found.dtype == np.float32
    tokens = model.get_layer("patches")(model.get_layer("pixels")(IMAGES))
    tokens = ops.convert_to_numpy(model.get_layer("embed")(tokens))
    np.testing.assert_allclose(found[:, 0], tokens[:, 2:].mean(1), atol=1e-5)


def unbiased_hsic(x, y):
    """Equation 3 of arXiv:2010.15327, word for word."""
    count, ones = len(x), np.ones(len(x))
    k, m = (each @ each.T * (1 - np.eye(count)) for each in (x, y))
    parts = (
        np.trace(k @ m)
        + (ones @ k @ ones) * (ones @ m @ ones) / ((count - 1) * (count - 2))
        - 2 / (count - 2) * (ones @ k @ m @ ones)
    )
    return parts / (count * (count - 3))


def test_layers_are_alike_by_their_kernels():
    features = RNG.normal(5, 1, (12, 3, 8))
    features[:, 2] = features[:, 0] @ RNG.normal(size=(8, 8))
    found = interpret.layer_similarity(features)
    layers = features.transpose(1, 0, 2)
    hsic = np.array([[unbiased_hsic(x, y) for x in layers] for y in layers])
    lengths = np.sqrt(np.diag(hsic))
    np.testing.assert_allclose(found, hsic / np.outer(lengths, lengths), rtol=1e-6)
    with pytest.raises(UserError, match="at least four images: received 3"):
        interpret.layer_similarity(features[:3])


def test_similarity_of_layers_is_that_of_shapes_and_not_of_chance():
    features = RNG.normal(size=(60, 3, 40))  # the usual estimate says 0.4 of what is independent
    turn = np.linalg.qr(RNG.normal(size=(40, 40)))[0]
    features[:, 2] = 3 * features[:, 0] @ turn + 7
    found = interpret.layer_similarity(features)
    np.testing.assert_allclose(np.diag(found), 1)
    np.testing.assert_allclose(found, found.T)
    assert found[0, 2] == pytest.approx(1) and abs(found[0, 1]) < 0.1


def test_layers_that_are_the_same_for_all_images_are_like_none():
    features = RNG.normal(size=(6, 2, 4))
    features[:, 1] = 1.0
    found = interpret.layer_similarity(features)
    np.testing.assert_allclose(found, [[1, 0], [0, 0]], atol=1e-12)


def test_norms_are_those_of_the_tokens(model):
    found = interpret.token_norms(model)(IMAGES)
    assert found.shape == (4, 3, 8)
    tokens = model.get_layer("patches")(model.get_layer("pixels")(IMAGES))
    tokens = ops.convert_to_numpy(model.get_layer("embed")(tokens))
    np.testing.assert_allclose(found[:, 0], np.linalg.norm(tokens, axis=-1), rtol=1e-5)


@pytest.mark.parametrize(
    "options,expected",
    [
        ({}, {"class token": (0, 1), "patches": (1, 7)}),
        (
            dict(distillation_token=True, num_registers=3),
            {
                "class token": (0, 1),
                "distillation token": (1, 2),
                "registers": (2, 5),
                "patches": (5, 11),
            },
        ),
        (dict(class_token=False), {"patches": (0, 6)}),
    ],
)
def test_tokens_have_kinds(options, expected):
    found = anatomy(vit("mu/4", image_size=SIZE, **options)).tokens
    assert {name: (each.start, each.stop) for name, each in found.items()} == expected
    assert list(found)[-1] == "patches"
