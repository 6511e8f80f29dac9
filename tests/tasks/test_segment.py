"""Heads of segmentation: one class per pixel, in the graph of the backbone."""

import keras
import numpy as np
import pytest
from random_models import randomised

from keras_vit.layers import MaskProduct
from keras_vit.models import vit
from keras_vit.tasks import segmenter
from keras_vit.tasks.segment import HEADS

SIZE = (16, 24)
IMAGES = np.random.default_rng(0).integers(0, 256, (2, *SIZE, 3)).astype("uint8")


def backbone(**options):
    return vit("mu/8", image_size=SIZE, num_registers=1, **options)


@pytest.mark.parametrize("head", HEADS)
def test_each_pixel_gets_logits_and_a_file_holds_them(tmp_path, head):
    encoder = backbone()
    model = randomised(segmenter(encoder, 5, head=head, side_width=8))
    assert model.output_shape == (None, *SIZE, 5)
    assert all(layer in model.layers for layer in encoder.layers)  # flat, and its weights shared
    logits = model(IMAGES)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(IMAGES), logits)


@pytest.mark.parametrize("head", HEADS)
def test_half_precision_answers_in_float32(head):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = segmenter(backbone(), 5, head=head, side_width=8)
    finally:
        keras.config.set_dtype_policy("float32")
    assert keras.backend.standardize_dtype(model(IMAGES).dtype) == "float32"


def test_a_linear_head_sees_each_patch_where_it_is():
    """Without positions and attention a patch decides its own pixels, up to the interpolation."""
    encoder = backbone()
    maps = randomised(segmenter(encoder, 5))
    features = encoder(IMAGES)[:, encoder.get_layer("embed").num_prefix_tokens :]
    head = maps.get_layer("head")
    coarse = keras.ops.reshape(head(features), (2, 2, 3, 5))
    fine = keras.ops.convert_to_numpy(maps(IMAGES)).reshape(2, 2, 8, 3, 8, 5)
    # Bilinear weights are symmetric: the middle of a corner patch is nearest to its own logits.
    corner = fine[:, 0, :4, 0, :4]
    expected = keras.ops.convert_to_numpy(coarse)[:, 0, 0]
    np.testing.assert_allclose(
        corner, np.broadcast_to(expected[:, None, None], corner.shape), atol=1e-5
    )


def test_masks_are_cosines_of_patches_and_classes():
    layer = MaskProduct(2)
    tokens = np.random.default_rng(0).normal(size=(1, 5, 4)).astype("float32")
    layer(tokens)
    for dense in (layer.patches, layer.classes):
        dense.kernel.assign(np.eye(4))
    unit = tokens[0] / np.linalg.norm(tokens[0], axis=-1, keepdims=True)
    np.testing.assert_allclose(layer(tokens)[0], 10 * unit[:3] @ unit[3:].T, atol=1e-5)


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(head="deep"), "`head` must be one of linear, masks, side: received 'deep'"),
        (dict(num_classes=0), "`num_classes` must be at least 1: received 0"),
    ],
)
def test_what_cannot_be_is_a_sentence(options, message):
    with pytest.raises(ValueError, match=message):
        segmenter(backbone(), **{"num_classes": 5, **options})


def test_patches_of_another_side_have_no_quarter():
    encoder = vit("mu/6", image_size=12)
    with pytest.raises(ValueError, match="a patch_size that 4 divides: received 6"):
        segmenter(encoder, 5, head="side")


def test_a_backbone_without_its_last_norm_is_refused():
    with pytest.raises(ValueError, match="`names` must be some of block00, each once"):
        segmenter(backbone(final_norm=False), 5)


@pytest.mark.slow
@pytest.mark.parametrize("head, least", [("linear", 0.4), ("masks", 0.4), ("side", 0.65)])
def test_overfits_bright_bars(head, least):
    """Bars of four pixels, half as wide as a patch: those of the side branch are the truest."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 60, (4, *SIZE, 3)).astype("float32")
    masks = np.zeros((4, *SIZE), int)
    for image, mask, place in zip(images, masks, (0, 6, 11, 18), strict=True):
        image[:, place : place + 4] += 180
        mask[:, place : place + 4] = 1
    model = segmenter(vit("mu/8", image_size=SIZE), 2, head=head, side_width=16)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(3e-3), loss, jit_compile=False)
    for _ in range(150):
        model.train_on_batch(images, masks)
    found = keras.ops.convert_to_numpy(model(images)).argmax(-1)
    hits = ((found == 1) & (masks == 1)).sum() / ((found == 1) | (masks == 1)).sum()
    assert hits > least
