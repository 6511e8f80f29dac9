"""Attention rollout against the paper's matrices, written out."""

import numpy as np
import pytest

from keras_vit.interpret import attention_rollout, raw_attention
from keras_vit.layers import SelfAttention
from keras_vit.models import vit
from keras_vit.tasks import classifier, features

MODELS = {
    "class token": ({}, "class_token"),
    "registers": (dict(num_registers=2), "class_token"),
    "distilled": (dict(distillation_token=True), "class_token"),
    "mean": (dict(class_token=False, num_registers=1), "mean"),
    "both": (dict(num_registers=2), "class_token_and_mean"),
    "attention": (dict(final_norm=False), "attention"),
    "sequence": (dict(locality=True, num_registers=1), "sequence"),
}


def build(options, pool):
    backbone = vit("mu/4", **{"image_size": (8, 12), "depth": 3, **options})
    model = classifier(backbone, 3, pool=pool)
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(weight + 0.3 * rng.normal(size=weight.shape))
    return model


@pytest.mark.parametrize("name", MODELS)
def test_it_is_the_product_of_the_blocks(name):
    """The whole matrices are multiplied here; the code passes one row through them."""
    model = build(*MODELS[name])
    images = np.random.default_rng(1).integers(0, 256, (2, 8, 12, 3)).astype("uint8")
    embed = model.get_layer("embed")
    x = embed(model.get_layer("patches")(model.get_layer("pixels")(images)))
    blocks = [layer for layer in model.layers if layer.name.startswith("block")]
    total = np.eye(x.shape[1])[None]
    for block in blocks:
        scores = np.asarray(block.attention_scores(x)).mean(axis=1)
        total = (0.5 * scores + 0.5 * np.eye(x.shape[1])) @ total
        x = block(x)
    if "norm" in [layer.name for layer in model.layers]:
        x = model.get_layer("norm")(x)
    prefix = embed.num_prefix_tokens
    if name == "mean":
        row = total[:, prefix:].mean(axis=1)
    elif name == "both":
        row = (total[:, 0] + total[:, prefix:].mean(axis=1)) / 2
    elif name == "attention":
        looks = np.asarray(model.get_layer("pool").attention_scores(x)).mean(axis=1)
        row = (looks @ total)[:, 0]
    elif name == "sequence":
        looks = np.exp(np.asarray(model.get_layer("pool").score(x)))[..., 0]
        row = np.einsum("bt,btu->bu", looks / looks.sum(axis=1, keepdims=True), total)
    else:
        row = total[:, 0]
    expected = row[:, prefix:] / row[:, prefix:].sum(axis=1, keepdims=True)
    maps = np.asarray(attention_rollout(model)(images))
    assert maps.shape == (2, 2, 3)
    np.testing.assert_allclose(maps.reshape(2, -1), expected, rtol=1e-4)
    assert expected.std() > 0.005  # not everything alike


def test_features_have_maps_and_tokens_have_none():
    backbone = vit("mu/4", image_size=8)
    images = np.zeros((1, 8, 8, 3), "uint8")
    maps = np.asarray(attention_rollout(features(backbone))(images))
    assert maps.sum() == pytest.approx(1)
    with pytest.raises(ValueError, match="does not pool its tokens"):
        attention_rollout(backbone)


def with_scores(monkeypatch, matrices):
    """Lets the blocks attend as the matrices say, `(L, T, T)`."""
    left = list(matrices)[::-1]  # the last block is asked first
    monkeypatch.setattr(
        SelfAttention, "attention_scores", lambda self, x: np.float32(left.pop(0))[None, None]
    )


def test_two_blocks_and_three_tokens_by_hand(monkeypatch):
    """A class token and two patches."""
    model = classifier(vit("mu/4", image_size=(4, 8), depth=2), 2)
    first = [[0.2, 0.3, 0.5], [0.1, 0.6, 0.3], [0.4, 0.4, 0.2]]
    second = [[0.5, 0.4, 0.1], [0.2, 0.7, 0.1], [0.3, 0.3, 0.4]]
    with_scores(monkeypatch, [first, second])
    # Half of the second row of the class token is (0.75, 0.2, 0.05); times the first block:
    # (0.45 + 0.01 + 0.01, 0.1125 + 0.16 + 0.01, 0.1875 + 0.03 + 0.03).
    maps = np.asarray(attention_rollout(model)(np.zeros((1, 4, 8, 3), "uint8")))
    patches = np.array([0.2825, 0.2475])
    np.testing.assert_allclose(maps[0], [patches / patches.sum()], rtol=1e-6)


def test_attention_of_each_token_to_itself_moves_nothing(monkeypatch):
    backbone = vit("mu/4", image_size=(8, 12), depth=2, class_token=False)
    model, images = classifier(backbone, 2, pool="mean"), np.zeros((1, 8, 12, 3), "uint8")
    for options in ({}, dict(fusion="max"), dict(fusion="min", first=1)):
        with_scores(monkeypatch, [np.eye(6)] * 2)
        maps = np.asarray(attention_rollout(model, **options)(images))
        np.testing.assert_allclose(maps, 1 / 6, rtol=1e-6)


def test_the_lowest_scores_can_be_left_out(monkeypatch):
    model = classifier(vit("mu/4", image_size=(4, 8), depth=1), 2)
    scores = np.array([[0.2, 0.3, 0.5], [0.1, 0.6, 0.3], [0.4, 0.4, 0.2]])
    with_scores(monkeypatch, [scores])
    # Of the six scores of patches the three lowest are 0.2, 0.3 and 0.3: limit 0.4.
    maps = np.asarray(attention_rollout(model, discard=0.5)(np.zeros((1, 4, 8, 3), "uint8")))
    np.testing.assert_allclose(maps, [[[0, 1]]])


def test_arguments_out_of_range_are_refused():
    model = classifier(vit("mu/4", image_size=8, depth=2), 2)
    for options, message in (
        (dict(fusion="sum"), "`fusion` must be one of mean, max, min: received 'sum'"),
        (dict(discard=1.0), r"`discard` must lie in \[0, 1\): received 1.0"),
        (dict(first=2), r"`first` must lie in \[0, 2\): received 2"),
    ):
        with pytest.raises(ValueError, match=message):
            attention_rollout(model, **options)
    for options, message in (
        (dict(block=2), r"`block` must lie in \[-2, 2\): received 2"),
        (dict(head=99), "`head` must lie in"),
    ):
        with pytest.raises(ValueError, match=message):
            raw_attention(model, **options)
    windows = vit("mu/4", image_size=16, depth=2, class_token=False, window=2)
    with pytest.raises(ValueError, match="received windows"):
        attention_rollout(classifier(windows, 2, pool="mean"))
