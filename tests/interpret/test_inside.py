"""What a model is like inside, against values that are known."""

import numpy as np
import pytest
from keras import ops

from keras_vit import interpret
from keras_vit.errors import UserError
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
    expected = np.linalg.norm(places[:, None] - places, axis=-1).mean()
    found = interpret.attention_distance(model)(IMAGES)
    assert found.shape[0] == 2
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_layers_are_alike_by_their_kernels(model):
    found = interpret.layer_similarity(model)([IMAGES[:3], IMAGES[3:]])
    assert found.shape == (3, 3)
    np.testing.assert_allclose(np.diag(found), 1)
    np.testing.assert_allclose(found, found.T)
    assert found.min() >= 0 and found.max() <= 1 + 1e-9
    with pytest.raises(UserError, match="at least two images"):
        interpret.layer_similarity(model)([IMAGES[:1]])


def test_norms_are_those_of_the_tokens(model):
    found = interpret.token_norms(model)(IMAGES)
    assert found.shape == (4, 3, 8)
    tokens = model.get_layer("patches")(model.get_layer("pixels")(IMAGES))
    tokens = ops.convert_to_numpy(model.get_layer("embed")(tokens))
    np.testing.assert_allclose(found[:, 0], np.linalg.norm(tokens, axis=-1), rtol=1e-5)
