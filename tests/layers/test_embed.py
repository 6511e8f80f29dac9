import keras
import numpy as np
import pytest

from keras_vit.checkpoints.resize import resize_positions
from keras_vit.layers import PatchEncoder, sincos_1d, sincos_2d

PATCHES = np.random.default_rng(0).normal(size=(2, 6, 12)).astype("float32")


def encode(**arguments):
    """Returns a layer, its tokens, and the bare projection of the patches."""
    layer = PatchEncoder(16, grid=(2, 3), **arguments)
    tokens = np.asarray(layer(PATCHES))
    return layer, tokens, np.asarray(layer.projection(PATCHES))


def test_learned_positions_reach_the_class_and_distillation_token_but_no_register():
    layer, tokens, projected = encode(distillation_token=True, num_registers=2)
    weights = {
        weight.name: np.asarray(weight)[0] for weight in layer.weights if weight.name != "kernel"
    }
    table = weights["positions"]
    assert table.shape == (8, 16)
    expected = np.concatenate(
        [
            np.broadcast_to(weights["class_token"] + table[0], (2, 1, 16)),
            np.broadcast_to(weights["distillation_token"] + table[1], (2, 1, 16)),
            np.broadcast_to(weights["registers"], (2, 2, 16)),
            projected + table[2:],
        ],
        axis=1,
    )
    np.testing.assert_allclose(tokens, expected, atol=1e-6)
    assert layer.num_prefix_tokens == 4


@pytest.mark.parametrize(
    "position, table", [("sincos_1d", sincos_1d(6, 16)), ("sincos_2d", sincos_2d((2, 3), 16))]
)
def test_fixed_positions_reach_the_patches_alone(position, table):
    layer, tokens, projected = encode(position=position)
    np.testing.assert_allclose(tokens[:, 1:], projected + table, atol=1e-6)
    class_token = next(w for w in layer.weights if w.name == "class_token")
    np.testing.assert_allclose(tokens[:, :1], np.broadcast_to(class_token, (2, 1, 16)), atol=1e-6)


def test_no_positions_leave_the_projection_as_it_is():
    _, tokens, projected = encode(position="none", class_token=False)
    np.testing.assert_array_equal(tokens, projected)


def test_an_unknown_position_is_refused():
    with pytest.raises(ValueError, match="received 'rotary'"):
        encode(position="rotary")


def test_patches_that_do_not_fill_the_grid_are_refused():
    with pytest.raises(ValueError, match="received 6 patches for a grid of 3x3"):
        PatchEncoder(16, grid=(3, 3))(keras.Input((6, 12)))


@pytest.mark.parametrize("position", ["learned", "sincos_2d", "none"])
def test_smaller_images_get_interpolated_positions(position):
    layer, tokens, _ = encode(position=position, num_registers=1)
    np.testing.assert_array_equal(np.asarray(layer(PATCHES, grid=(2, 3))), tokens)
    few = PATCHES[:, :2]
    found = np.asarray(layer(few, grid=(1, 2)))
    assert found.shape == (2, 2 + 2, 16)
    np.testing.assert_allclose(found[:, :2], tokens[:, :2], atol=1e-6)
    rows = 0
    if position != "none":
        table = np.asarray(layer.positions)[:, -6:]
        rows = resize_positions(table, (2, 3), (1, 2), method="bicubic_plain")
    np.testing.assert_allclose(found[:, 2:], layer.projection(few) + rows, atol=1e-5)
