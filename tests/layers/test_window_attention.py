"""Attention within windows, shifted windows, and relative positions."""

import numpy as np
import pytest

from keras_vit.errors import UserError
from keras_vit.layers import RelativePositions, SelfAttention, TransformerBlock
from keras_vit.layers.windows import from_windows, to_windows, window_bias

GRID, WIDTH = (4, 6), 8
TOKENS = np.random.default_rng(0).normal(size=(2, 24, WIDTH)).astype("float32")
PLACES = np.arange(24).reshape(GRID)


@pytest.mark.parametrize("shift", [0, 1])
def test_windows_are_cut_out_and_put_back(shift):
    numbers = np.broadcast_to(PLACES.reshape(1, 24, 1), (2, 24, 1)).astype("float32")
    windows = np.asarray(to_windows(numbers, GRID, 2, shift))
    assert windows.shape == (2 * 6, 4, 1)
    first = PLACES[shift : 2 + shift, shift : 2 + shift]
    np.testing.assert_array_equal(windows[0, :, 0], first.ravel())
    np.testing.assert_array_equal(windows[6], windows[0])
    np.testing.assert_array_equal(from_windows(windows, GRID, 2, shift), numbers)


def test_tokens_of_opposite_sides_do_not_see_each_other():
    """Of the last window of 2x2, shifted by one, each token lies at another corner of the grid."""
    bias = window_bias(GRID, 2, 1)
    assert bias.shape == (6, 4, 4)
    np.testing.assert_array_equal(bias[0], 0)
    np.testing.assert_array_equal(bias[-1] == 0, np.eye(4))
    right = bias[2] == 0  # columns 5 and 0
    np.testing.assert_array_equal(right, np.tile([[1, 0], [0, 1]], (2, 2)))


def reach(block, place):
    """Returns which tokens an output depends on, by changing one token after the other."""
    before = np.asarray(block(TOKENS[:1]))[0, place]
    seen = []
    for other in range(24):
        changed = TOKENS[:1].copy()
        changed[0, other, 0] += 1
        after = np.asarray(block(changed))[0, place]
        seen.append(np.abs(after - before).max() > 1e-6)
    return np.array(seen).reshape(GRID)


@pytest.mark.parametrize(
    "shift, place, rows, columns",
    [
        (0, (1, 2), (0, 2), (2, 4)),
        (1, (1, 2), (1, 3), (1, 3)),
        (1, (0, 0), (0, 1), (0, 1)),
        (1, (3, 2), (3, 4), (1, 3)),
        (1, (2, 5), (1, 3), (5, 6)),
    ],
)
def test_a_token_sees_its_window_and_no_more(shift, place, rows, columns):
    block = TransformerBlock(2, 16, grid=GRID, window=2, shift=shift)
    expected = np.zeros(GRID, bool)
    expected[slice(*rows), slice(*columns)] = True
    np.testing.assert_array_equal(reach(block, PLACES[place]), expected)


def test_a_window_that_covers_the_grid_is_global_attention():
    tokens = TOKENS[:, :16]
    options = dict(grid=(4, 4), relative_positions=True)
    whole, windowed = (
        TransformerBlock(2, 16, **options, **window) for window in ({}, dict(window=4))
    )
    expected = whole(tokens)
    windowed(tokens)
    windowed.set_weights(whole.get_weights())
    np.testing.assert_allclose(windowed(tokens), expected, atol=1e-6)


def test_relative_positions_are_those_of_the_paper():
    layer = RelativePositions((2, 3))
    scores = np.zeros((1, 2, 6, 6), "float32")
    layer(scores)
    layer.table.assign(np.random.default_rng(0).normal(size=layer.table.shape))
    table = np.asarray(layer.table)  # differences of rows, of columns, heads
    bias = np.asarray(layer(scores))[0]
    for one, (y, x) in enumerate(np.ndindex(2, 3)):
        for other, (down, right) in enumerate(np.ndindex(2, 3)):
            expected = table[down - y + 1, right - x + 2]
            np.testing.assert_array_equal(bias[:, one, other], expected)


def test_attention_with_relative_positions_reports_the_scores_that_it_applies():
    layer = SelfAttention(2, relative_grid=(4, 6))
    layer(TOKENS)
    plain = SelfAttention(2)
    plain(TOKENS)
    layer.relative.table.assign(layer.relative.table * 50)
    plain.set_weights(layer.get_weights()[1:])
    changed = np.asarray(layer.attention_scores(TOKENS))
    np.testing.assert_allclose(changed.sum(-1), 1, atol=1e-5)
    assert np.abs(changed - plain.attention_scores(TOKENS)).max() > 0.01


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(window=2), "`window` needs the `grid`"),
        (dict(window=4, grid=(4, 6)), "divide the grid of tokens: received window=4, grid 4x6"),
        (dict(window=2, grid=(4, 6), shift=2), r"`shift` must lie in \[0, 2\): received shift=2"),
        (dict(shift=1), "`shift` needs a `window`"),
        (dict(relative_positions=True), "`relative_positions` a `window` or a `grid`"),
    ],
)
def test_windows_that_do_not_fit_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        TransformerBlock(2, 16, **options)


def test_tokens_that_do_not_fill_the_grid_are_refused():
    with pytest.raises(ValueError, match="fill the grid 2x2 of their windows: received 24"):
        TransformerBlock(2, 16, grid=(2, 2), window=2)(TOKENS)
    with pytest.raises(ValueError, match="fill the grid 2x2 of relative positions: received 24"):
        TransformerBlock(2, 16, grid=(2, 2), relative_positions=True)(TOKENS)
    block = TransformerBlock(2, 16, grid=GRID, window=2)
    block(TOKENS)
    with pytest.raises(UserError, match="need global attention: received windows"):
        block.attention_scores(TOKENS)
