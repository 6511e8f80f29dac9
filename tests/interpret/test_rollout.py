"""Attention rollout against the paper's matrices, written out."""

import numpy as np
import pytest

from keras_vit.interpret import attention_rollout
from keras_vit.models import vit
from keras_vit.tasks import classifier, features

MODELS = {
    "class token": ({}, "class_token"),
    "registers": (dict(num_registers=2), "class_token"),
    "distilled": (dict(distillation_token=True), "class_token"),
    "mean": (dict(class_token=False, num_registers=1), "mean"),
    "both": (dict(num_registers=2), "class_token_and_mean"),
    "attention": (dict(final_norm=False), "attention"),
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
    with pytest.raises(ValueError, match="nothing that pools"):
        attention_rollout(backbone)
