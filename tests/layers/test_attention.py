import keras
import numpy as np
import pytest

from keras_vit.errors import UserError
from keras_vit.layers import AttentionPool, SelfAttention, TransformerBlock

TOKENS = np.random.default_rng(0).normal(size=(2, 5, 12)).astype("float32")


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def by_hand(x, qkv, qkv_bias, out, out_bias, num_heads):
    """Attention with loops over heads, in float64."""
    width = x.shape[-1]
    query, key, value = np.split(x.astype("float64") @ qkv + qkv_bias, 3, axis=-1)
    heads, scores = [], []
    for head in range(num_heads):
        part = slice(head * width // num_heads, (head + 1) * width // num_heads)
        products = query[..., part] @ key[..., part].swapaxes(1, 2)
        scores.append(softmax(products / np.sqrt(width / num_heads)))
        heads.append(scores[-1] @ value[..., part])
    return np.concatenate(heads, axis=-1) @ out + out_bias, np.stack(scores, axis=1)


def test_self_attention_equals_the_paper_by_hand():
    layer = SelfAttention(3)
    layer.build(TOKENS.shape)
    layer.set_weights([np.random.default_rng(1).normal(size=w.shape) for w in layer.weights])
    expected, scores = by_hand(TOKENS, *layer.get_weights(), num_heads=3)
    np.testing.assert_allclose(layer(TOKENS), expected, atol=2e-4)
    np.testing.assert_allclose(layer.attention_scores(TOKENS), scores, atol=1e-5)


def test_self_attention_equals_keras_multi_head_attention():
    ours, theirs = SelfAttention(3), keras.layers.MultiHeadAttention(3, key_dim=4)
    ours.build(TOKENS.shape)
    theirs(TOKENS, TOKENS)
    kernels = np.split(ours.qkv.kernel.numpy(), 3, axis=1)
    weights = []
    for kernel in kernels:
        weights += [kernel.reshape(12, 3, 4), np.zeros((3, 4))]
    theirs.set_weights([*weights, ours.out.kernel.numpy().reshape(3, 4, 12), np.zeros(12)])
    np.testing.assert_allclose(ours(TOKENS), theirs(TOKENS, TOKENS), atol=1e-5)


def test_qk_norm_makes_scores_blind_to_the_scale_of_queries_and_keys():
    layer = SelfAttention(3, qk_norm=True)
    layer.build(TOKENS.shape)
    before = np.asarray(layer.attention_scores(TOKENS))
    layer.qkv.kernel.assign(layer.qkv.kernel * 100.0)
    np.testing.assert_allclose(layer.attention_scores(TOKENS), before, atol=1e-3)


def test_a_block_reports_the_attention_it_applies():
    block = TransformerBlock(3, 24)
    block(TOKENS)
    scores = np.asarray(block.attention_scores(TOKENS))
    assert scores.shape == (2, 3, 5, 5)
    np.testing.assert_allclose(scores.sum(-1), 1, atol=1e-5)
    normed = block.norm1(TOKENS)
    np.testing.assert_array_equal(scores, block.attention.attention_scores(normed))


def test_attention_pool_ignores_the_order_of_tokens_and_reports_its_scores():
    pool = AttentionPool(3, 24)
    pooled = np.asarray(pool(TOKENS))
    np.testing.assert_allclose(pool(TOKENS[:, ::-1]), pooled, atol=1e-5)
    assert pool.attention_scores(TOKENS).shape == (2, 3, 1, 5)


@pytest.mark.parametrize("layer", [SelfAttention(5), AttentionPool(5, 24), SelfAttention(0)])
def test_heads_that_do_not_divide_the_width_are_refused(layer):
    with pytest.raises(ValueError, match=r"num_heads=\d, width=12"):
        layer(TOKENS)


@pytest.mark.parametrize("layer", [SelfAttention(3), TransformerBlock(3, 24)])
def test_hidden_tokens_leave_the_others_as_if_they_were_not_there(layer):
    visible = np.float32([[1, 0, 1, 1, 0], [0, 1, 1, 0, 1]])
    every, seen = np.asarray(layer(TOKENS, visible=visible)), visible.astype(bool)
    without = np.stack([TOKENS[i][seen[i]] for i in range(2)])
    expected = np.asarray(layer(without))
    np.testing.assert_allclose([every[i][seen[i]] for i in range(2)], expected, atol=1e-5)
    changed = np.where(seen[..., None], TOKENS, 5 * TOKENS)
    again = np.asarray(layer(changed, visible=visible))
    np.testing.assert_allclose(again[seen], every[seen], atol=1e-5)
    all_hidden = np.asarray(layer(TOKENS, visible=np.zeros((2, 5))))
    assert np.isfinite(all_hidden).all()


def test_tokens_are_not_hidden_from_windows():
    block = TransformerBlock(3, 24, grid=(2, 2), window=2)
    with pytest.raises(UserError, match="only from global attention: received windows"):
        block(TOKENS[:, :4], visible=np.ones((2, 4)))
