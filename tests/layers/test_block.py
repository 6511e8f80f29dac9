import keras
import numpy as np
import pytest

from keras_vit.layers import (
    MLP,
    DropPath,
    LayerScale,
    PatchDropout,
    PatchEncoder,
    SelfAttention,
    TransformerBlock,
)

TOKENS = np.random.default_rng(0).normal(size=(2, 5, 12)).astype("float32")


def test_a_block_is_two_residual_additions():
    block = TransformerBlock(3, 24, layer_scale=0.5)
    block.build(TOKENS.shape)
    middle = TOKENS + 0.5 * np.asarray(block.attention(block.norm1(TOKENS)))
    expected = middle + 0.5 * np.asarray(block.mlp(block.norm2(middle)))
    np.testing.assert_allclose(block(TOKENS), expected, atol=1e-5)


def test_dropping_every_branch_but_none_in_inference():
    block = TransformerBlock(3, 24, drop_path=0.999999)
    np.testing.assert_array_equal(block(TOKENS, training=True), TOKENS)
    assert np.abs(np.asarray(block(TOKENS)) - TOKENS).max() > 0.1


def test_drop_path_drops_whole_examples_and_keeps_the_mean():
    ones = np.ones((20_000, 3, 2), "float32")
    dropped = np.asarray(DropPath(0.25, seed=0)(ones, training=True))
    per_example = dropped.reshape(len(ones), -1)
    assert (per_example == per_example[:, :1]).all()
    np.testing.assert_allclose(np.unique(per_example), [0, 4 / 3], rtol=1e-6)
    assert dropped.mean() == pytest.approx(1, abs=0.02)  # four standard errors


@pytest.mark.parametrize(
    "layer",
    [
        SelfAttention(3, dropout=0.5),
        SelfAttention(3, attention_dropout=0.5),
        MLP(24, dropout=0.5),
        PatchEncoder(12, grid=(1, 5), dropout=0.5),
        TransformerBlock(3, 24, dropout=0.5),
        TransformerBlock(3, 24, attention_dropout=0.5),
        TransformerBlock(3, 24, drop_path=0.5),
    ],
)
def test_every_rate_acts_in_training_and_in_training_alone(layer):
    quiet = np.asarray(layer(TOKENS))
    np.testing.assert_array_equal(layer(TOKENS), quiet)
    draws = [np.asarray(layer(TOKENS, training=True)) for _ in range(8)]
    assert any((draw != quiet).any() for draw in draws)
    assert any((draw != draws[0]).any() for draw in draws[1:])


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_drop_path_refuses_a_rate_that_is_no_probability(rate):
    with pytest.raises(ValueError, match=f"rate={rate}"):
        DropPath(rate)


def test_layer_scale_starts_where_it_is_told():
    np.testing.assert_allclose(LayerScale(0.25)(TOKENS), TOKENS / 4)


def test_exact_and_tanh_gelu_differ_slightly():
    exact, tanh = MLP(24), MLP(24, activation="gelu_tanh")
    exact.build(TOKENS.shape), tanh.build(TOKENS.shape)
    tanh.set_weights(exact.get_weights())
    difference = np.abs(np.asarray(exact(TOKENS)) - np.asarray(tanh(TOKENS))).max()
    assert 1e-6 < difference < 1e-2


def test_an_unknown_activation_is_refused():
    with pytest.raises(ValueError, match="received 'relu6'"):
        MLP(24, activation="relu6")


def test_patch_dropout_keeps_the_prefix_and_a_random_part_of_each_image():
    numbered = np.broadcast_to(np.arange(10.0)[:, None], (3000, 10, 2)).astype("float32")
    kept = np.asarray(PatchDropout(0.75, num_prefix_tokens=2, seed=0)(numbered, training=True))
    assert kept.shape == (3000, 4, 2)
    assert (kept[:, :2] == numbered[:, :2]).all() and (kept[..., 0] == kept[..., 1]).all()
    first, second = kept[:, 2, 0], kept[:, 3, 0]
    assert (first != second).all() and min(first.min(), second.min()) == 2
    shares = np.bincount(np.concatenate([first, second]).astype(int), minlength=10)[2:] / 3000
    np.testing.assert_allclose(shares, 2 / 8, atol=0.035)  # four standard errors


def test_patch_dropout_leaves_inference_and_a_rate_of_zero_alone():
    np.testing.assert_array_equal(PatchDropout(0.5)(TOKENS), TOKENS)
    np.testing.assert_array_equal(PatchDropout(0.0)(TOKENS, training=True), TOKENS)
    assert PatchDropout(0.99)(TOKENS, training=True).shape == (2, 1, 12)
    with pytest.raises(ValueError, match="received rate=1"):
        PatchDropout(1)


def test_weights_are_drawn_in_the_order_of_the_data():
    """A seed gives the weights that it always gave: attention's are drawn before the MLP's."""
    keras.utils.set_random_seed(0)
    block = TransformerBlock(3, 24)
    block.build(TOKENS.shape)
    keras.utils.set_random_seed(0)
    other = TransformerBlock(3, 24)
    other.attention.build(TOKENS.shape)
    other.mlp.build(TOKENS.shape)
    for part in ("attention", "mlp"):
        pairs = zip(*(getattr(each, part).get_weights() for each in (block, other)), strict=True)
        for ours, theirs in pairs:
            np.testing.assert_array_equal(ours, theirs)
