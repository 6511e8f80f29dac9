"""An encoder that sees only visible patches: masked, dropped and put back."""

import json

import keras
import numpy as np
import pytest

from keras_vit.errors import UserError
from keras_vit.models import ViTConfig, encode
from keras_vit.tasks.visible_patches import AllPatches, KeepPatches, VisibleTokens

RNG = np.random.default_rng(0)
TOKENS = RNG.normal(size=(3, 1 + 6, 8)).astype("float32")
PREFIX = dict(num_prefix_tokens=1)
# Three, two and no patches are visible; the class token is.
VISIBLE = np.float32([[1, 1, 0, 1, 0, 1, 0], [1, 0, 0, 1, 0, 0, 1], [1, 0, 0, 0, 0, 0, 0]])


def test_a_patch_is_visible_if_all_of_its_pixels_are_known():
    known = np.ones((2, 4, 6, 1), "float32")
    known[0, 1, 1], known[1, 2:] = 0, 0
    visible = np.asarray(VisibleTokens(2, num_prefix_tokens=2)(known))
    np.testing.assert_array_equal(visible, [[1, 1, 0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0, 0, 0]])


def test_in_training_a_fixed_number_of_patches_is_kept_the_visible_ones_first():
    layer = KeepPatches(0.5, seed=0, **PREFIX)
    tokens, visible, places = map(np.asarray, layer(TOKENS, VISIBLE, training=True))
    assert tokens.shape == (3, 4, 8) and visible.shape == (3, 4) and places.shape == (3, 3)
    np.testing.assert_array_equal(visible[:, 0], 1)
    np.testing.assert_array_equal(visible[:, 1:].sum(1), [3, 2, 0])
    np.testing.assert_array_equal(np.sort(places[0]), [0, 2, 4])
    for row in range(3):
        chosen = [0, *places[row] + 1]
        np.testing.assert_array_equal(tokens[row], TOKENS[row, chosen])
        np.testing.assert_array_equal(visible[row], VISIBLE[row, chosen])
    many = [np.asarray(layer(TOKENS, np.ones((3, 7)), training=True)[2]) for _ in range(9)]
    assert {place for each in many for place in each.ravel()} == set(range(6))


def test_elsewhere_all_patches_are_kept():
    tokens, visible, places = KeepPatches(0.5, **PREFIX)(TOKENS, VISIBLE)
    np.testing.assert_array_equal(tokens, TOKENS)
    np.testing.assert_array_equal(visible, VISIBLE)
    np.testing.assert_array_equal(places, [range(6)] * 3)


@pytest.mark.parametrize("share", [0.5, 0.7, 1.0])
def test_patches_return_to_their_places_and_the_others_get_a_learned_token(share):
    back = AllPatches(6, **PREFIX)
    kept = KeepPatches(share, seed=1, **PREFIX)(TOKENS, VISIBLE, training=True)
    every = np.asarray(back(*kept))
    unseen = np.broadcast_to(back.unseen, (3, 6, 8))
    expected = np.where(VISIBLE[:, 1:, None] > 0, TOKENS[:, 1:], unseen)
    np.testing.assert_allclose(every, expected, atol=1e-6)


def graph(config, count):
    tokens, visible = keras.Input((count, config.width)), keras.Input((count,))
    return keras.Model([tokens, visible], encode(tokens, config, visible=visible))


def test_an_encoder_of_visible_tokens_equals_one_that_drops_the_others():
    """What stays of the tokens is the answer to them alone, on the same weights."""
    config = ViTConfig(image_size=(4, 6), patch_size=2, width=8, depth=3, mlp_dim=16, num_heads=2)
    masked = graph(config, 7)
    masked.set_weights([w + 0.2 * RNG.normal(size=w.shape) for w in masked.get_weights()])
    every = masked.predict_on_batch([TOKENS, VISIBLE])
    for row, seen in enumerate(VISIBLE[:2].astype(bool)):
        short = keras.Input((int(seen.sum()), config.width))
        dropping = keras.Model(short, encode(short, config))
        dropping.set_weights(masked.get_weights())
        alone = dropping.predict_on_batch(TOKENS[row : row + 1, seen])[0]
        np.testing.assert_allclose(every[row, seen], alone, atol=1e-5)


@pytest.mark.parametrize(
    "layer", [VisibleTokens(2, **PREFIX), KeepPatches(0.4, **PREFIX), AllPatches(6, **PREFIX)]
)
def test_layers_are_saved(layer):
    config = json.loads(json.dumps(layer.get_config()))
    assert type(layer).from_config(config).get_config() == layer.get_config()


def test_a_share_out_of_its_range_is_a_sentence():
    for share in (0, 1.1):
        with pytest.raises(UserError, match=r"`share` must lie in \(0, 1\]: received"):
            KeepPatches(share)
