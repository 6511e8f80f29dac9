"""The two halves of `vit`, and what stands between them."""

import keras
import numpy as np
import pytest

from keras_vit.errors import UserError
from keras_vit.models import ViTConfig, encode, patch_tokens, vit

CONFIG = ViTConfig.of("mu/4", image_size=(12, 8), depth=2, pre_norm=True, num_registers=1)
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 12, 8, 3)).astype("uint8")


@pytest.fixture(scope="module")
def whole():
    return vit(CONFIG, drop_path=0.2)


def halves(between=lambda x: x):
    """Builds a model with something between the halves."""
    images = keras.Input((12, 8, 3), name="images")
    return keras.Model(images, encode(between(patch_tokens(images, CONFIG)), CONFIG))


def by_hand(model, x, names):
    for name in names:
        x = model.get_layer(name)(x)
    return x


def test_the_halves_make_the_whole(whole):
    model = halves()
    assert [each.name for each in model.layers] == [each.name for each in whole.layers]
    assert [each.path for each in model.weights] == [each.path for each in whole.weights]
    model.set_weights(whole.get_weights())
    np.testing.assert_array_equal(model(IMAGES), whole(IMAGES))


def test_blocks_see_only_the_tokens_that_a_mask_leaves(whole):
    kept = [0, 1, 3, 6]  # both prefix tokens and two patches
    model = halves(lambda x: keras.ops.take(x, kept, axis=1))
    model.set_weights(whole.get_weights())
    x = by_hand(whole, IMAGES, ["pixels", "patches", "embed"])
    x = keras.ops.take(x, kept, axis=1)
    expected = by_hand(whole, x, ["pre_norm", "block00", "block01", "norm"])
    np.testing.assert_allclose(model(IMAGES), expected, atol=1e-6)


def test_tokens_may_be_merged_between_two_blocks(whole):
    def merge(x):
        return (x[:, ::2] + x[:, 1::2]) / 2

    images = keras.Input((12, 8, 3), name="images")
    x = patch_tokens(images, CONFIG)
    x = merge(encode(x, CONFIG, blocks=range(1), drop_path=0.2))
    model = keras.Model(images, encode(x, CONFIG, blocks=range(1, 2), drop_path=0.2))
    assert [each.path for each in model.weights] == [each.path for each in whole.weights]
    for index in range(2):
        rates = (each.get_layer(f"block{index:02d}").drop_path.rate for each in (model, whole))
        assert next(rates) == next(rates)
    model.set_weights(whole.get_weights())
    x = by_hand(whole, IMAGES, ["pixels", "patches", "embed", "pre_norm", "block00"])
    expected = by_hand(whole, merge(x), ["block01", "norm"])
    np.testing.assert_allclose(model(IMAGES), expected, atol=1e-6)


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: patch_tokens(keras.Input((8, 12, 3)), CONFIG), r"\(12, 8, 3\).*\(8, 12, 3\)"),
        (lambda: encode(keras.Input((8, 16)), CONFIG), "width 32 .* received 16"),
        (lambda: encode(keras.Input((8, 32)), CONFIG, blocks=range(1, 3)), r"range\(1, 3\)"),
        (lambda: encode(keras.Input((8, 32)), CONFIG, blocks=[-1]), r"\[0, 2\): received \[-1\]"),
    ],
)
def test_what_does_not_fit_the_configuration_is_a_sentence(build, message):
    with pytest.raises(UserError, match=message):
        build()
