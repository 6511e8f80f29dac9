"""What is measured of maps: where they point, and whether they know what a model has learned."""

from unittest import mock

import numpy as np
import pytest
from keras import ops

from keras_vit import interpret
from keras_vit.errors import UserError
from keras_vit.interpret.controls import random_map
from keras_vit.interpret.faithfulness import IS_HIGH_GOOD, completeness_error, conservation_error
from keras_vit.interpret.localisation import mosaics, pointing_game
from keras_vit.interpret.perturbation import (
    deletion,
    insertion,
    pixel_perturbation,
    token_perturbation,
)
from keras_vit.interpret.shuffled_weights import rank_correlation, shuffled_weights
from keras_vit.models import vit
from keras_vit.tasks import classifier, features

pytestmark = pytest.mark.tensorflow  # NumPy does most of it
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 8, 12, 3), dtype="uint8")


@pytest.fixture(scope="module")
def model():
    model = classifier(vit("mu/4", image_size=(8, 12)), 3)
    rng = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(weight + 0.2 * rng.normal(size=weight.shape))
    return model


def test_a_map_points_at_its_maximum():
    maps = np.zeros((4, 20, 30))
    regions = np.zeros((4, 20, 30), bool)
    regions[:, 4:8, 4:8] = True
    maps[0, 5, 5] = maps[1, 10, 6] = maps[2, 19, 29] = 1  # within, three pixels away, far away
    assert pointing_game(maps, regions, tolerance=0).tolist() == [True, False, False, False]
    assert pointing_game(maps, regions, tolerance=3).tolist() == [True, True, False, False]
    assert pointing_game(maps, regions).tolist() == [True, True, False, False]
    small = np.zeros((1, 4, 6))
    small[0, 1, 1] = 1  # of pixels 5 to 9
    assert pointing_game(small, regions[:1], tolerance=1).all()
    for wrong in (regions[:3], np.zeros_like(regions)):
        with pytest.raises(UserError, match="Each map needs a region that is not empty: rec"):
            pointing_game(maps, wrong)


def test_mosaics_hold_four_images_each():
    images = np.broadcast_to(np.arange(9.0)[:, None, None, None], (9, 6, 10, 3))
    joined, regions = mosaics(images, np.arange(9))
    assert joined.shape == (8, 6, 10, 3) and regions.shape == (8, 6, 10)
    for place in range(8):
        np.testing.assert_allclose(joined[place][regions[place]], place, rtol=1e-6)
        assert regions[place].sum() == 3 * 5
    assert regions[:4].sum(0).max() == 1 and regions[:4].any(0).all()
    np.testing.assert_array_equal(joined[0], joined[3])
    assert len(mosaics(images[:3], np.arange(3))[0]) == 0
    _, regions = mosaics(images, [5, 5, 1, 5, 0, 0, 0, 0, 7])
    assert regions.mean((1, 2)).tolist() == [0.75, 0.75, 0.25, 0.75, 1, 1, 1, 1]
    np.testing.assert_array_equal(regions[0], regions[3])


def test_shuffled_weights_come_back(model):
    before = [np.array(weight) for weight in model.weights]
    with pytest.raises(KeyError), shuffled_weights(model):
        for weight, values in zip(model.weights, before, strict=True):
            assert not np.array_equal(weight, values) or np.ptp(values) == 0 or values.size < 4
            np.testing.assert_array_equal(np.sort(weight, axis=None), np.sort(values, axis=None))
        raise KeyError
    for weight, values in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, values)


def test_ranks_are_compared():
    maps = np.array([[[1.0, 2, 3], [4, 5, 6]]] * 3)
    others = np.stack([maps[0] ** 3, -maps[0], np.ones((2, 3))])
    np.testing.assert_allclose(rank_correlation(maps, others), [1, -1, 0], atol=1e-12)
    larger = np.kron(maps, np.ones((1, 4, 4)))
    assert (rank_correlation(maps, larger) > 0.9).all()


def test_all_is_measured_of_each_image(model):
    found = interpret.faithfulness(model)(lambda model, target: random_map, IMAGES)
    assert list(found) == list(IS_HIGH_GOOD)
    for name, values in found.items():
        assert values.shape == ((4,) if name == "pointing" else (5,)), name
    np.testing.assert_allclose(found["shuffled weights"], 1)
    maps = random_map(IMAGES)
    for name, measure in (("deletion", deletion), ("insertion", insertion)):
        np.testing.assert_allclose(found[name], measure(model, IMAGES, maps), rtol=1e-4)
    for what, measure in (("pixels", pixel_perturbation), ("tokens", token_perturbation)):
        expected = measure(model, IMAGES, maps)
        np.testing.assert_array_equal(found[f"{what} positive"], expected.positive)
        np.testing.assert_array_equal(found[f"{what} negative"], expected.negative)
    known = interpret.faithfulness(model)(interpret.relevance, IMAGES)
    assert known["shuffled weights"].max() < 0.95


def test_a_map_that_knows_where_its_class_is_points_at_it():
    """Quarters of the mosaics have mean brightnesses of their own, as their images have."""
    levels = np.array([10, 90, 170, 250])
    images = np.broadcast_to(levels[:, None, None, None], (4, 8, 12, 3)).astype("uint8")

    def near(levels):
        return lambda model, target: lambda x: -np.abs(np.mean(x, -1) - levels[:, None, None])

    with mock.patch("keras_vit.interpret.faithfulness.np.argmax", lambda *_, **__: np.arange(4)):
        measured = interpret.faithfulness(classifier(vit("mu/4", image_size=(8, 12)), 4))
        assert measured(near(levels), images)["pointing"].tolist() == [1, 1, 1, 1]
        assert measured(near(levels[::-1]), images)["pointing"].tolist() == [0, 0, 0, 0]


def test_random_maps_differ_from_image_to_image_and_not_from_batch_to_batch():
    maps = random_map(IMAGES)
    np.testing.assert_array_equal(random_map(IMAGES[2:]), maps[2:])
    assert len(np.unique(maps[:, 0, 0])) == len(IMAGES)


def test_the_class_of_the_whole_picture_is_asked_of_mosaics_and_of_shuffled_weights(model):
    asked = []

    def watched(model, target):
        def explain(images):
            asked.append((np.array(target), len(images)))
            return random_map(images)

        return explain

    interpret.faithfulness(model)(watched, IMAGES)
    named = np.argmax(ops.convert_to_numpy(model(IMAGES)), -1)
    assert [count for _, count in asked] == [5, 5, 4]
    for target, count in asked:
        np.testing.assert_array_equal(target, named[:count])


def test_what_adds_up(model):
    assert conservation_error(model, IMAGES).max() < 1e-3
    assert completeness_error(model, IMAGES).max() < 1e-2


def test_what_is_no_classifier_is_refused(model):
    with pytest.raises(UserError, match="of our classifiers"):
        interpret.faithfulness(features(vit("mu/4", image_size=8)))
    with pytest.raises(UserError, match="At least 4 images are measured: received 3"):
        interpret.faithfulness(model)(interpret.relevance, IMAGES[:3])
