"""Stems and attention for small data, against loops of NumPy."""

import numpy as np
import pytest
from keras import ops

from keras_vit import choices
from keras_vit.errors import UserError
from keras_vit.layers import (
    CompactTokenizer,
    ConvStem,
    ResNetStem,
    SelfAttention,
    SequencePool,
    ShiftedPatches,
    TokensToTokens,
    TransformerBlock,
)
from keras_vit.layers.tokens_to_tokens import unfolded
from keras_vit.models import STEMS, ViTConfig, vit
from keras_vit.tasks import classifier
from keras_vit.tasks.pooled import POOLS

IMAGES = np.random.default_rng(0).normal(size=(2, 8, 12, 3)).astype("float32")
KINDS = {
    "spt": ShiftedPatches,
    "conv": ConvStem,
    "cct": CompactTokenizer,
    "t2t": TokensToTokens,
    "resnet": ResNetStem,
}


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


def test_shifted_patches_are_normed_and_see_what_is_around_them():
    found = numpy(ShiftedPatches(4)(IMAGES))
    around = np.pad(IMAGES, ((0, 0), (2, 2), (2, 2), (0, 0)))
    expected = []
    for row in range(0, 8, 4):
        for column in range(0, 12, 4):
            # The patch itself, then what stands up left, up right, down left and down right of it.
            places = ((2, 2), (0, 0), (0, 4), (4, 0), (4, 4))
            parts = [
                around[:, row + y : row + y + 4, column + x : column + x + 4] for y, x in places
            ]
            expected.append(np.concatenate(parts, axis=-1).reshape(2, -1))
    expected = np.stack(expected, axis=1)
    expected -= expected.mean(-1, keepdims=True)
    expected /= np.sqrt(np.square(expected).mean(-1, keepdims=True) + 1e-6)
    assert found.shape == (2, 6, 5 * 4 * 4 * 3)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_stem_of_convolutions_doubles_its_channels_and_halves_the_sides():
    stem = ConvStem(4, width=6)
    assert stem(IMAGES).shape == (2, 6, 6)
    assert [each.kernel.shape for each in stem.convolutions] == [(3, 3, 3, 3), (3, 3, 3, 6)]
    assert numpy(stem(IMAGES)).min() == 0
    # One answer, whatever else is in the batch.
    np.testing.assert_allclose(numpy(stem(IMAGES[:1])), numpy(stem(IMAGES))[:1], atol=1e-6)


def test_the_compact_tokenizer_takes_the_largest_of_nine_places():
    stem = CompactTokenizer(2, width=3)
    stem.build(IMAGES.shape)
    kernel = np.zeros((3, 3, 3, 3), "float32")
    kernel[1, 1] = np.eye(3)  # the convolution copies its image
    stem.convolutions[0].kernel.assign(kernel)
    found = numpy(stem(IMAGES)).reshape(2, 4, 6, 3)
    for row in range(4):
        for column in range(6):
            # At an even size, "same" begins at the place itself.
            window = IMAGES[:, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
            expected = np.maximum(window, 0).max(axis=(1, 2))
            np.testing.assert_allclose(found[:, row, column], expected, atol=1e-6)


@pytest.mark.parametrize("side, stride", [(3, 2), (7, 4), (3, 1)])
def test_windows_overlap_and_hold_their_numbers_row_by_row(side, stride):
    found = numpy(unfolded(IMAGES, side, stride))
    reach = {3: 1, 7: 2}[side]  # the padding of the paper's code
    around = np.pad(IMAGES, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    assert found.shape == (2, 8 // stride, 12 // stride, side * side * 3)
    for row in range(8 // stride):
        for column in range(12 // stride):
            y, x = row * stride, column * stride
            window = around[:, y : y + side, x : x + side]
            np.testing.assert_array_equal(found[:, row, column], window.reshape(2, -1))


@pytest.mark.parametrize("patch_size, windows", [(4, 2), (8, 2), (16, 3)])
def test_tokens_to_tokens_ends_on_the_grid_of_its_patches(patch_size, windows):
    stem = TokensToTokens(patch_size, token_width=4)
    image = np.zeros((1, 2 * patch_size, patch_size, 3), "float32")
    assert stem(image).shape == (1, 2, 9 * 4) and len(stem.windows) == windows


def test_no_token_attends_to_itself_and_each_head_has_a_scale():
    layer, plain = (SelfAttention(2, locality=local) for local in (True, False))
    tokens = np.random.default_rng(1).normal(size=(2, 5, 8)).astype("float32")
    assert layer(tokens).shape == plain(tokens).shape
    np.testing.assert_allclose(numpy(layer.scale), np.full((2, 1), 4**-0.5))
    for each in ("qkv", "out"):
        getattr(layer, each).set_weights(getattr(plain, each).get_weights())
    layer.scale.assign([[0.5], [3.0]])  # the first as it was
    local, usual = (numpy(each.attention_scores(tokens)) for each in (layer, plain))
    off = 1 - np.eye(5, dtype="float32")
    np.testing.assert_allclose(local[:, :, range(5), range(5)], 0, atol=1e-20)
    for head, power in ((0, 1), (1, 6)):
        expected = usual[:, head] ** power * off
        expected /= expected.sum(-1, keepdims=True)
        np.testing.assert_allclose(local[:, head], expected, atol=1e-5)


def test_a_token_that_is_left_alone_in_its_window_attends_to_itself():
    """What lies in another window must not be seen for want of anything else."""
    block = TransformerBlock(2, 16, grid=(4, 4), window=2, shift=1, locality=True)
    tokens = np.random.default_rng(1).normal(size=(1, 16, 8)).astype("float32")
    other = tokens.copy()
    other[0, 15] += 3  # alone in its window, the corner of a shifted grid
    changed = np.abs(numpy(block(other)) - numpy(block(tokens))).max(axis=(0, 2))
    assert changed[15] > 0.1 and changed[:15].max() == 0


def test_sequence_pooling_is_a_mean_with_learned_weights():
    pool = SequencePool()
    tokens = np.random.default_rng(1).normal(size=(2, 5, 4)).astype("float32")
    pool.build(tokens.shape)
    pool.score.kernel.assign(np.zeros((4, 1)))
    np.testing.assert_allclose(numpy(pool(tokens)), tokens.mean(axis=1), atol=1e-6)
    pool.score.kernel.assign([[1000.0], [0.0], [0.0], [0.0]])
    largest = tokens[[0, 1], tokens[:, :, 0].argmax(axis=1)]
    np.testing.assert_allclose(numpy(pool(tokens)), largest, atol=1e-5)


@pytest.mark.parametrize(
    "stem, patch_size, message",
    [
        ("conv", 6, "a power of two from 2: received 6"),
        ("cct", 1, "a power of two from 2: received 1"),
        ("t2t", 2, "a power of two from 4: received 2"),
        ("spt", 1, "`patch_size` from 2: received 1"),
        ("sppt", 4, "`stem` must be one of linear, .*t2t, resnet: received 'sppt'"),
    ],
)
def test_a_stem_that_there_is_not_is_refused(stem, patch_size, message):
    with pytest.raises(UserError, match=message):
        ViTConfig.of("mu/4", image_size=24, patch_size=patch_size, stem=stem)


def test_a_compact_transformer_has_the_published_number_of_parameters():
    """CCT-7/3x1 for CIFAR-10, 3.76 million (arXiv:2104.05704, table 2)."""
    shape = dict(width=256, depth=1, mlp_dim=512, num_heads=4, class_token=False, qkv_bias=False)
    models = [
        classifier(
            vit(ViTConfig(image_size=32, patch_size=2, stem="cct", **{**shape, "depth": depth})),
            10,
            pool="sequence",
        )
        for depth in (1, 2)
    ]
    one, two = (model.count_params() for model in models)
    assert one + 6 * (two - one) == 3_760_139


def test_flags_choose_from_the_stems_and_pools_that_there_are():
    assert choices.STEMS == tuple(STEMS) and choices.POOLS == POOLS


@pytest.mark.parametrize("stem", KINDS)
def test_a_model_of_each_stem_is_a_vision_transformer(stem):
    config = ViTConfig.of("mu/4", image_size=(8, 16), stem=stem, locality=True)
    model = vit(config)
    assert type(model.get_layer("patches")) is KINDS[stem]
    assert model(np.zeros((2, 8, 16, 3))).shape == (2, 1 + 8, 32)
