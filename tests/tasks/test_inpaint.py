"""The model that fills holes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_vit.data.augment import example_keys
from keras_vit.data.holes import with_holes
from keras_vit.errors import UserError
from keras_vit.layers import patchify
from keras_vit.models import ViTConfig, vit
from keras_vit.tasks import inpainter, inpainting
from keras_vit.tasks.smooth_fill import SmoothFill

RNG = np.random.default_rng(0)
CONFIG = ViTConfig(image_size=(16, 24), patch_size=4, width=16, depth=2, mlp_dim=32, num_heads=2)
DECODER = dict(decoder_width=8, decoder_depth=1, decoder_heads=2)


def with_box(count=2, channels=3):
    """Images whose pixels are missing in a box that cuts patches."""
    images = RNG.integers(0, 256, (count, 16, 24, channels + 1)).astype("float32")
    images[..., -1] = 255
    images[:, 3:9, 6:15, -1] = 0
    return images


@pytest.fixture(scope="module")
def model():
    """A model whose head is not zero any more."""
    model = inpainter(CONFIG, kept=0.4, **DECODER)
    head = model.get_layer("head")
    head.set_weights([RNG.normal(size=w.shape, scale=0.1) for w in head.get_weights()])
    return model


@pytest.mark.tensorflow
def test_before_it_is_trained_the_model_is_the_smooth_filling():
    images = with_box()
    known = (images[..., 3:] > 127).astype("float32")
    smooth = np.asarray(SmoothFill()(images[..., :3] * known, known))
    np.testing.assert_allclose(inpainter(CONFIG, **DECODER)(images), smooth, atol=1e-3)


def test_known_pixels_stay_exactly_as_they_are(model):
    images = with_box()
    known = images[..., 3:] > 127
    answers = np.asarray(model(images))
    np.testing.assert_array_equal(np.where(known, answers, 0), np.where(known, images[..., :3], 0))
    assert (np.abs(answers - images[..., :3])[~known[..., 0]] > 0).all()


@pytest.mark.tensorflow
def test_what_is_missing_does_not_matter(model):
    images = with_box()
    other = np.where(images[..., 3:] > 127, images, 255 - images)
    other[..., 3] = np.where(images[..., 3] > 127, 130, 127)  # alpha of either side of the middle
    np.testing.assert_array_equal(model(other), model(images))


def test_the_encoder_sees_only_patches_that_are_known_whole(model):
    """A pixel of a patch with a hole reaches the decoder, and no token of the encoder."""
    tokens = keras.Model(model.input, model.get_layer("norm").output)
    images = with_box(1)
    hidden = np.asarray(patchify(images[..., 3:], 4)).min(-1)[0] < 255
    other = images.copy()
    other[:, 2, 6, :3] = 255 - other[:, 2, 6, :3]  # above the box, in a patch that it cuts
    before, after = np.asarray(tokens(images))[0, 1:], np.asarray(tokens(other))[0, 1:]
    np.testing.assert_array_equal(before[~hidden], after[~hidden])
    assert hidden.sum() == 3 * 3
    assert (np.asarray(model(images)) != np.asarray(model(other))).any()


def test_as_many_patches_as_are_kept_are_answered_in_training_as_elsewhere(model):
    images = with_box()
    exact = inpainter(CONFIG, kept=15 / 24, **DECODER)  # nine of the patches are hidden
    exact.set_weights(model.get_weights())
    np.testing.assert_allclose(exact(images, training=True), exact(images), atol=2e-3)
    fewer = np.asarray(model(images, training=True))
    assert np.abs(fewer - np.asarray(model(images))).max() > 0.1


@pytest.mark.tensorflow
def test_an_image_without_a_hole_and_one_that_is_all_hole_are_answered(model):
    whole, nothing = with_box(1), with_box(1)
    whole[..., 3], nothing[..., 3] = 255, 0
    np.testing.assert_array_equal(model(whole), whole[..., :3])
    assert np.isfinite(np.asarray(model(nothing))).all()


@pytest.mark.tensorflow
def test_the_encoder_has_the_layers_of_vit_and_takes_their_weights(model):
    backbone = vit(CONFIG)
    for layer in backbone.layers:
        if layer.weights:
            model.get_layer(layer.name).set_weights(layer.get_weights())
    whole = with_box(1)
    whole[..., 3] = 255
    tokens = keras.Model(model.input, model.get_layer("norm").output)
    np.testing.assert_allclose(tokens(whole), backbone(whole[..., :3]), atol=1e-5)


@pytest.mark.tensorflow
def test_it_is_saved(model, tmp_path):
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    images = with_box()
    np.testing.assert_array_equal(again(images), model(images))


@pytest.mark.tensorflow
def test_grey_pictures_and_registers():
    config = ViTConfig(
        image_size=8,
        patch_size=4,
        channels=1,
        width=8,
        depth=1,
        mlp_dim=8,
        num_heads=2,
        class_token=False,
        num_registers=2,
    )
    model = inpainter(config, **DECODER)
    assert model.input_shape == (None, 8, 8, 2) and model.output_shape == (None, 8, 8, 1)
    assert model(np.zeros((1, 8, 8, 2)), training=True).shape == (1, 8, 8, 1)


def test_contradictions_are_refused_in_a_sentence():
    size = dict(image_size=8, patch_size=2, width=8, depth=2, mlp_dim=8, num_heads=2)
    with pytest.raises(UserError, match="attention to all patches: received window=2"):
        inpainter(ViTConfig(**size, class_token=False, window=2))
    with pytest.raises(UserError, match=r"every patch: received kept=0\.5"):
        inpainter(ViTConfig(**size, mid_positions=True), kept=0.5)
    with pytest.raises(UserError, match=r"`share` must lie in \(0, 1\]: received 0"):
        inpainter(ViTConfig(**size), kept=0)


@pytest.mark.tensorflow
@pytest.mark.slow
def test_eight_pictures_are_learned_by_heart():
    """From the smooth filling, by 15 decibels; half of the patches are left out."""
    config = ViTConfig(image_size=24, patch_size=4, width=32, depth=2, mlp_dim=64, num_heads=2)
    model = inpainter(config, kept=0.5, decoder_width=32, decoder_depth=1)
    task, keys = inpainting(), example_keys(0, tf.range(8, dtype=tf.int64))
    whole = RNG.integers(0, 256, (8, 6, 6, 3)).repeat(4, 1).repeat(4, 2).astype("uint8")
    images, truth = (x.numpy() for x in with_holes({"image": whole, "key": keys}))
    model.compile(keras.optimizers.Adam(3e-3), task.loss())

    def decibels():
        answers = model.predict_on_batch(images).clip(0, 255)
        return task.score([({"image": answers}, truth)]).figures["psnr_rgb"]

    before = decibels()
    for _ in range(150):
        model.train_on_batch(images, truth)
    assert decibels() > before + 15
