"""Measures of maps against those of Quantus, where it is installed; it is no dependency."""

import numpy as np
import pytest
from keras import ops

from keras_vit import interpret
from keras_vit.interpret.perturbation import POINTS, deletion
from keras_vit.models import vit
from keras_vit.tasks import classifier

quantus = pytest.importorskip("quantus", reason="Quantus is not installed")
pytestmark = pytest.mark.tensorflow
SIZE = 8, 28  # as many pixels as the curve has points, eight times


class Answers:
    """What a metric of Quantus asks of a model, without a framework."""

    def __init__(self, model):
        self.model = model

    def shape_input(self, x, shape, channel_first=None, batched=None):
        return x

    def predict(self, x):
        images = np.moveaxis(np.asarray(x, "float32"), 1, -1)
        return ops.convert_to_numpy(ops.softmax(self.model(images, training=False), axis=-1))


def test_a_deletion_is_the_curve_of_pixel_flipping():
    model = classifier(vit("mu/4", image_size=SIZE, channels=1), 3)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(weight + 0.3 * rng.normal(size=weight.shape))
    images, maps = rng.integers(1, 256, (6, *SIZE, 1)), rng.random((6, *SIZE))
    answers, first = Answers(model), np.moveaxis(images, -1, 1).astype("float32")
    chances = answers.predict(first)
    named = chances.argmax(-1)
    metric = quantus.PixelFlipping(
        features_in_step=SIZE[0] * SIZE[1] // POINTS, perturb_baseline=0.0, disable_warnings=True
    )
    curves = metric.evaluate_batch(answers, first, named, maps[:, None])
    whole = chances[np.arange(6), named]
    curves = np.concatenate([whole[:, None], np.reshape(curves, (6, POINTS))], axis=1)
    expected = np.trapezoid(curves, dx=1 / POINTS, axis=1)
    np.testing.assert_allclose(deletion(model, images, maps), expected, rtol=1e-4)
    assert np.ptp(expected) > 0.01


def test_the_pointing_game_is_the_same_without_a_tolerance():
    rng = np.random.default_rng(0)
    maps, regions = rng.random((40, 6, 9)), rng.random((40, 6, 9)) < 0.5
    metric = quantus.PointingGame(disable_warnings=True)
    hits = metric.evaluate_batch(a_batch=maps, s_batch=regions)
    assert hits.tolist() == interpret.pointing_game(maps, regions, tolerance=0).tolist()
    assert 5 < hits.sum() < 35
