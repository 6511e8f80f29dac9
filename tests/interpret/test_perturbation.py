"""How faithful maps are, where it is known: the answer depends on one patch."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_vit import interpret
from keras_vit.errors import UserError
from keras_vit.interpret.controls import CONTROLS
from keras_vit.interpret.perturbation import (
    deletion,
    enlarged,
    insertion,
    pixel_perturbation,
    shrunk,
    token_perturbation,
)
from keras_vit.models import vit
from keras_vit.tasks import classifier, features

pytestmark = pytest.mark.tensorflow  # NumPy does most of it
RNG = np.random.default_rng(0)
PLACE = 1, 2  # row and column of the patch that says the class
SIZE = 16, 24  # four rows and six columns of patches of 4x4 pixels


def pictures(count, rng):
    """Noise, in class 0 nothing else, and in the others one patch that is red, green or blue."""
    labels = np.arange(count) % 4
    images, marked = rng.integers(0, 256, (count, *SIZE, 3)), labels > 0
    top, left = (4 * each for each in PLACE)
    colours = 250 * np.eye(3, dtype=int)[labels[marked] - 1]
    images[marked, top : top + 4, left : left + 4] = colours[:, None, None]
    return images.astype("uint8"), labels


@pytest.fixture(scope="module")
def trained():
    """A model that knows the patch, and pictures of it that it has not seen.

    Its logits learn numbers: a cross-entropy makes the token so long that its norm hides it from
    gradients.
    """
    keras.utils.set_random_seed(0)
    model = classifier(vit("mu/4", image_size=SIZE, depth=2, width=32), 4)
    model.compile(
        keras.optimizers.Adam(3e-3),
        lambda y, logits: ops.mean(ops.square(logits - 4 * ops.one_hot(y, 4))),
    )
    rng = np.random.default_rng(1)
    for _ in range(120):
        model.train_on_batch(*pictures(32, rng))
    images, labels = pictures(16, rng)
    assert (ops.convert_to_numpy(model(images)).argmax(-1) == labels).all()
    return model, images[labels > 0]


METHODS = {
    "raw_attention": {},
    "attention_rollout": {},
    "gradient_rollout": {},
    "relevance": {},
    "transformer_attribution": {},
    "grad_cam": {},
    "integrated_gradients": dict(baseline=128.0),
    "smooth_grad": dict(samples=4, noise=0.05),
    "occlusion": dict(window=4),
    "patch_dropping": {},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_the_highest_place_is_the_patch_that_says_it(trained, name):
    model, images = trained
    maps = ops.convert_to_numpy(getattr(interpret, name)(model, **METHODS[name])(images))
    places = shrunk(maps, (4, 6)).reshape(len(images), -1).argmax(1)
    found = (places == 6 * PLACE[0] + PLACE[1]).mean()
    assert found >= (0.6 if name == "grad_cam" else 0.9)  # one weight for all patches blurs


@pytest.mark.slow
def test_a_true_map_is_more_faithful_than_any_control(trained):
    model, images = trained
    true = np.zeros((len(images), 4, 6), "float32")
    true[:, *PLACE] = 1
    for measure in (pixel_perturbation, token_perturbation):
        best = measure(model, images, true)
        others = [measure(model, images, draw(images)) for draw in CONTROLS.values()]
        assert best.positive.mean() <= min(each.positive.mean() for each in others)
        assert best.negative.mean() == 1 >= max(each.negative.mean() for each in others)
    drawn = CONTROLS["random"](images)
    assert deletion(model, images, true).mean() < deletion(model, images, drawn).mean()
    assert insertion(model, images, true).mean() > insertion(model, images, drawn).mean()


def test_areas_of_a_model_that_counts_pixels():
    """Its probability is the share of bright pixels, so that areas are known."""
    images = np.zeros((1, 8, 8, 1), "float32")
    images[0, :4] = 255  # half of them
    maps = images[..., 0]

    def model(x):
        share = ops.mean(ops.cast(ops.convert_to_tensor(x) > 100, "float32"), axis=(1, 2, 3))
        chance = ops.clip(share + 0.4, 0.01, 0.99)  # 0.9 for the whole image
        return ops.stack([ops.log(chance), ops.log(1 - chance)], axis=-1)

    area = deletion(model, images, maps)
    assert area == pytest.approx([0.5 * (0.9 + 0.4) / 2 + 0.5 * 0.4], abs=0.01)
    assert deletion(model, images, -maps) == pytest.approx([0.5 * 0.9 + 0.25 * 1.3], abs=0.01)


def test_maps_change_their_size():
    maps = RNG.random((2, 4, 6))
    large = enlarged(maps, (16, 24))
    assert large.shape == (2, 16, 24)
    np.testing.assert_allclose(shrunk(maps.repeat(4, 1).repeat(4, 2), (4, 6)), maps, rtol=1e-6)


def test_controls_know_nothing_of_the_model():
    images = RNG.integers(0, 256, (3, 20, 30, 3)).astype("uint8")
    for draw in CONTROLS.values():
        maps = draw(images)
        assert maps.shape == (3, 20, 30) and maps.dtype == np.float32
    blob = CONTROLS["centre blob"](images)[0]
    assert np.unravel_index(blob.argmax(), blob.shape) in ((9, 14), (9, 15), (10, 14), (10, 15))
    half = np.zeros((1, 50, 60, 3))
    half[:, :, 30:] = 200
    assert abs(int(CONTROLS["edges"](half)[0, 25].argmax()) - 29.5) <= 1


def test_a_model_that_pools_nothing_cannot_do_without_a_patch():
    with pytest.raises(UserError, match="models that pool their tokens"):
        interpret.patch_dropping(vit("mu/4", image_size=8), 0)
    model = features(vit("mu/4", image_size=8, mid_positions=True, depth=2))
    with pytest.raises(UserError, match="without positions between blocks"):
        interpret.patch_dropping(model, 0)
