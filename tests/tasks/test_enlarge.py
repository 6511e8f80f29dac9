"""The model that enlarges pictures."""

import keras
import numpy as np
import pytest
from gradients import gradients_of

from keras_vit.errors import UserError
from keras_vit.images.bicubic import bicubic
from keras_vit.models import ViTConfig
from keras_vit.tasks import enlarger

TINY = dict(patch_size=1, width=8, depth=2, mlp_dim=16, num_heads=2, class_token=False)
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 8, 12, 3)).astype("uint8")


def tiny(size=(8, 12), scale=2, **changes):
    fields = {**TINY, "position": "none", "window": 4, "image_size": size, **changes}
    return enlarger(ViTConfig(**fields), scale=scale)


@pytest.fixture(scope="module")
def model():
    """A model whose head is not zero any more."""
    model = tiny()
    head = model.get_layer("head")
    head.kernel.assign(keras.random.normal(head.kernel.shape, stddev=0.3, seed=0))
    return model


@pytest.mark.parametrize("scale, channels", [(2, 3), (3, 1)])
def test_before_it_is_trained_it_is_bicubic(scale, channels):
    model, images = tiny(scale=scale, channels=channels), IMAGES[..., :channels]
    answer = np.asarray(model(images))
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer, bicubic(images / 1.0, scale), atol=1e-3)


def test_its_weights_are_those_of_any_image_size(model):
    large = tiny(size=(8, 24))
    large.set_weights(model.get_weights())
    wide = np.pad(IMAGES, [(0, 0), (0, 0), (0, 12), (0, 0)])
    here, there = np.asarray(model(IMAGES)), np.asarray(large(wide))
    # Two windows and three convolutions see what lies beside the image, but not from its far side.
    assert np.abs(here - there[:, :, :24]).max() > 0.01
    np.testing.assert_allclose(here[:, :, :2], there[:, :, :2], atol=1e-3)


def test_it_is_saved_whole(model, tmp_path):
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(IMAGES), model(IMAGES))


def test_every_weight_learns(model):
    truth = np.repeat(np.repeat(IMAGES[::-1], 2, 1), 2, 2) / 1.0
    weights = model.trainable_weights
    loss = lambda: keras.ops.mean(keras.ops.abs(model(IMAGES) - truth))  # noqa: E731
    for weight, gradient in zip(weights, gradients_of(loss, weights), strict=True):
        assert gradient is not None and np.abs(gradient).max() > 0, weight.path


@pytest.mark.slow
def test_pictures_are_learned():
    """An overfit test: the model writes what bicubic cannot know."""
    truth = np.random.default_rng(1).integers(0, 256, (1, 8, 8, 3)).astype("uint8")
    small = bicubic(truth, 0.5)
    keras.utils.set_random_seed(0)
    model = tiny(size=(4, 4), window=2)
    model.compile(keras.optimizers.Adam(0.03), "mean_absolute_error", jit_compile=False)
    losses = [model.train_on_batch(small, truth) for _ in range(150)]
    assert losses[-1] < losses[0] / 4


@pytest.mark.parametrize(
    "how, message",
    [
        (dict(scale=1), "`scale` must be an integer from 2: received scale=1"),
        (dict(patch_size=2), "patch_size=1 and a `window`: received patch_size=2, window=2"),
        (dict(window=None), "patch_size=1 and a `window`: received patch_size=1, window=None"),
        (dict(window=5), "`window` must divide the grid of tokens: received window=5, grid 8x12"),
        (dict(class_token=True), "`window` takes no prefix tokens"),
    ],
)
def test_what_cannot_enlarge_is_refused(how, message):
    if "patch_size" in how:
        how = {**how, "window": 2}
    with pytest.raises(UserError, match=message):
        tiny(**how)
