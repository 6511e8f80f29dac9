"""A masked autoencoder, its loss and its task."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_vit.errors import UserError
from keras_vit.models import ViTConfig
from keras_vit.tasks import (
    deploy,
    encoder_of,
    masked_autoencoder,
    reconstruction,
    task_named,
)
from keras_vit.tasks.patch_loss import PatchLoss
from keras_vit.tasks.visible_patches import AllPatches, MaskPatches
from keras_vit.training import training_model

RNG = np.random.default_rng(0)
CONFIG = ViTConfig(image_size=(16, 24), patch_size=4, width=16, depth=2, mlp_dim=32, num_heads=2)
COUNT, NUMBERS = 24, 4 * 4 * 3
DECODER = dict(decoder_width=8, decoder_depth=1, decoder_heads=2)
IMAGES = RNG.integers(0, 256, (4, 16, 24, 3)).astype("uint8")


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


@pytest.fixture(scope="module")
def model():
    return masked_autoencoder(CONFIG, **DECODER)


@pytest.mark.parametrize("share, kept", [(0.75, 6), (0.99, 1), (0.01, 23)])
@pytest.mark.parametrize("training", [False, True])
def test_exactly_a_share_of_the_patches_is_masked(share, kept, training):
    tokens = RNG.normal(size=(3, 2 + COUNT, 5)).astype("float32")
    layer = MaskPatches(share, num_prefix_tokens=2)
    x, seen, places = map(numpy, layer(tokens, training=training))
    assert x.shape == (3, 2 + kept, 5) and seen.shape == (3, 2 + kept) and seen.min() == 1
    np.testing.assert_array_equal(x[:, :2], tokens[:, :2])
    for image, chosen, row in zip(tokens, places, x, strict=True):
        assert len(set(chosen.tolist())) == kept and sorted(chosen) == list(chosen)
        np.testing.assert_array_equal(row[2:], image[2 + chosen])


def test_masks_are_drawn_anew_in_training_and_stay_elsewhere():
    tokens = RNG.normal(size=(8, 1 + COUNT, 5)).astype("float32")
    layer = MaskPatches(0.75, num_prefix_tokens=1)
    first, second = (numpy(layer(tokens, training=True)[2]) for _ in range(2))
    assert (first != second).any() and len({tuple(row) for row in first}) == 8
    still = [numpy(layer(tokens)[2]) for _ in range(2)]
    np.testing.assert_array_equal(*still)
    assert (still[0] == still[0][:1]).all()


def test_tokens_return_to_their_places():
    tokens = RNG.normal(size=(3, 1 + COUNT, 5)).astype("float32")
    kept = MaskPatches(0.75, num_prefix_tokens=1)(tokens, training=True)
    layer = AllPatches(COUNT, num_prefix_tokens=1)
    back, places = numpy(layer(*kept)), numpy(kept[2])
    unseen = numpy(layer.unseen)[0, 0]
    for image, row, chosen in zip(tokens, back, places, strict=True):
        expected = np.tile(unseen, (COUNT, 1))
        expected[chosen] = image[1 + chosen]
        np.testing.assert_allclose(row, expected, atol=1e-6)


@pytest.mark.parametrize("depth", [0, 1])
def test_what_is_masked_is_not_seen(depth):
    model = masked_autoencoder(CONFIG, **DECODER | dict(decoder_depth=depth))
    answers = numpy(model(IMAGES))
    masked = answers[..., -1]
    assert answers.shape == (4, COUNT, NUMBERS + 1) and (masked.sum(-1) == 18).all()
    image = IMAGES.reshape(4, 4, 4, 6, 4, 3).transpose(0, 1, 3, 2, 4, 5).reshape(4, COUNT, -1)
    hidden = np.where(masked[..., None] > 0, 255 - image, image).astype("uint8")
    other = hidden.reshape(4, 4, 6, 4, 4, 3).transpose(0, 1, 3, 2, 4, 5).reshape(IMAGES.shape)
    np.testing.assert_allclose(numpy(model(other)), answers, atol=1e-5)
    seen = np.where(masked[..., None] > 0, image, 255 - image).astype("uint8")
    other = seen.reshape(4, 4, 6, 4, 4, 3).transpose(0, 1, 3, 2, 4, 5).reshape(IMAGES.shape)
    assert np.abs(numpy(model(other)) - answers)[..., :-1].max() > 1e-3


@pytest.mark.parametrize("absolute", [False, True])
def test_the_loss_is_that_of_masked_patches_which_are_normed(absolute):
    answers = RNG.normal(size=(4, COUNT, NUMBERS + 1)).astype("float32")
    answers[..., -1] = RNG.random((4, COUNT)) < 0.5
    pixels = IMAGES.reshape(4, 4, 4, 6, 4, 3).transpose(0, 1, 3, 2, 4, 5).reshape(4, COUNT, -1)
    pixels = pixels / 255
    target = pixels - pixels.mean(-1, keepdims=True)
    target /= np.sqrt(pixels.var(-1, keepdims=True) + 1e-6)
    errors = (np.abs if absolute else np.square)(answers[..., :-1] - target).mean(-1)
    expected = [(e * m).sum() / m.sum() for e, m in zip(errors, answers[..., -1], strict=True)]
    found = PatchLoss(4, absolute=absolute)(IMAGES, answers)
    np.testing.assert_allclose(found, np.mean(expected), rtol=1e-4)


def test_the_encoder_becomes_a_backbone_that_sees_everything(model):
    backbone = encoder_of(model, CONFIG)
    assert backbone(IMAGES).shape == (4, 1 + COUNT, 16)
    weights = {weight.path: numpy(weight) for weight in model.weights}
    for weight in backbone.weights:
        np.testing.assert_array_equal(numpy(weight), weights[weight.path])


def test_without_a_decoder_the_encoder_sees_a_learned_patch_in_place_of_each_masked_one():
    """SimMIM: its answers are those of the backbone to such an image."""
    model = masked_autoencoder(CONFIG, masked=0.6, decoder_depth=0)
    unseen = RNG.uniform(-1, 1, NUMBERS).astype("float32")
    model.get_layer("all_patches").unseen.assign(unseen[None, None])
    answers = numpy(model(IMAGES))
    masked = answers[..., -1]
    assert (masked.sum(-1) == COUNT - round(0.4 * COUNT)).all()
    patches = IMAGES.reshape(4, 4, 4, 6, 4, 3).transpose(0, 1, 3, 2, 4, 5).reshape(4, COUNT, -1)
    patches = np.where(masked[..., None] > 0, 127.5 * (unseen + 1), patches)
    images = patches.reshape(4, 4, 6, 4, 4, 3).transpose(0, 1, 3, 2, 4, 5).reshape(IMAGES.shape)
    tokens = encoder_of(model, CONFIG)(images.astype("float32"))[:, 1:]
    expected = numpy(model.get_layer("pixels_of_patches")(tokens))
    np.testing.assert_allclose(answers[..., :-1], expected, atol=1e-4)
    assert not [layer.name for layer in model.layers if "decoder" in layer.name]


def test_pictures_are_learned_by_heart():
    decoder = dict(DECODER, decoder_width=32)
    model = training_model(masked_autoencoder(CONFIG, masked=0.5, **decoder))
    model.compile(keras.optimizers.Adam(1e-2), PatchLoss(4))
    ys, xs = np.mgrid[:16, :24]
    images = np.stack([np.sin(xs / each) + np.cos(ys / 3) for each in (2, 3, 4, 5)])
    images = np.repeat(60 * images[..., None] + 127, 3, axis=-1)
    data = tf.data.Dataset.from_tensors((images, images)).repeat()
    how = dict(steps_per_epoch=150, shuffle=False, verbose=0)
    before = model.evaluate(images, images, verbose=0)
    model.fit(data, **how)
    assert model.evaluate(images, images, verbose=0) < 0.3 * before


def test_a_patch_that_is_written_exactly_scores_best(model):
    task = task_named("reconstruction", options={"patch_size": 4})
    deployed = deploy(task.deploy(model))
    assert deployed.task == "reconstruction" and deployed.options == {"patch_size": 4}
    answers = deployed.predict(IMAGES)
    pixels = IMAGES.reshape(4, 4, 4, 6, 4, 3).transpose(0, 1, 3, 2, 4, 5).reshape(4, COUNT, -1)
    pixels = pixels / 255
    exact = (pixels - pixels.mean(-1, keepdims=True)) / np.sqrt(
        pixels.var(-1, keepdims=True) + 1e-6
    )
    figures = [
        task.score([({**answers, "patches": each}, IMAGES)]).figures["psnr"]
        for each in (exact, answers["patches"])
    ]
    assert figures[0] > 90 > 30 > figures[1]
    drawn = task.drawn(IMAGES[0], IMAGES[0], {"patches": exact[0], "masked": answers["masked"][0]})
    assert list(drawn) == ["picture", "what is seen", "written"]
    np.testing.assert_allclose(drawn["written"], IMAGES[0], atol=1)
    assert (drawn["what is seen"] == 128).all(axis=-1).sum() >= 18 * 16
    assert task.words({"masked": answers["masked"][0]})[0]["count"] == 18


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(stem="spt"), "masked with stem=spt"),
        (dict(mid_positions=True), "masked with mid_positions=True"),
        (dict(class_token=False, window=2), "masked with window=2"),
    ],
)
def test_models_whose_patches_are_not_alone_are_refused(changes, message):
    with pytest.raises(UserError, match=message):
        masked_autoencoder(ViTConfig.of("mu/4", image_size=16, **changes))


@pytest.mark.parametrize("masked", [0, 1])
def test_nothing_and_everything_cannot_be_masked(masked):
    with pytest.raises(UserError, match=r"`masked` must lie in \(0, 1\)"):
        masked_autoencoder(CONFIG, masked=masked)
    with pytest.raises(TypeError):
        reconstruction()
