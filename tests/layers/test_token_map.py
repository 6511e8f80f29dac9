import numpy as np
import pytest

from keras_vit.errors import UserError
from keras_vit.layers import Patches, TokenMap


def test_each_patch_is_at_its_place_in_the_image():
    images = np.random.default_rng(0).normal(size=(2, 4, 6, 3)).astype("float32")
    patches = np.asarray(Patches(2)(images))
    tokens = np.concatenate([np.full((2, 5, 12), np.nan, "float32"), patches], axis=1)
    found = np.asarray(TokenMap((2, 3), num_prefix_tokens=5)(tokens))
    assert found.shape == (2, 2, 3, 12)
    for row in range(2):
        for column in range(3):
            window = images[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            np.testing.assert_array_equal(found[:, row, column], window.reshape(2, 12))


def test_tokens_that_do_not_fill_the_grid_are_refused():
    layer = TokenMap((2, 3), num_prefix_tokens=1)
    layer(np.zeros((2, 7, 4)))
    message = "received 13 tokens for a grid of 2x3 and 1 prefix tokens"
    with pytest.raises(UserError, match=message):  # also where a reshape could mix images
        layer(np.zeros((2, 13, 4)))


@pytest.mark.parametrize("grid, prefix", [((2,), 0), ((0, 3), 0), ((2, 3), -1)])
def test_wrong_arguments_are_refused(grid, prefix):
    with pytest.raises(UserError, match="received"):
        TokenMap(grid, num_prefix_tokens=prefix)
