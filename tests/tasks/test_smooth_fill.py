"""Holes that are filled smoothly."""

import keras
import numpy as np
import pytest

from keras_vit.tasks.smooth_fill import SmoothFill

RNG = np.random.default_rng(0)


def filled(picture, known):
    return np.asarray(SmoothFill()(picture.astype("float32"), known.astype("float32")))


SIZES = [pytest.param(x, marks=pytest.mark.tensorflow) for x in [(16, 16), (9, 16), (2, 8)]]


@pytest.mark.parametrize("size", [(12, 20), *SIZES])
def test_known_pixels_stay_and_one_colour_is_continued(size):
    picture = RNG.uniform(0, 255, (3, *size, 3)).astype("float32")
    known = RNG.uniform(size=(3, *size, 1)) < 0.6
    answer = filled(picture, known)
    np.testing.assert_allclose(np.where(known, answer, 0), np.where(known, picture, 0), rtol=1e-6)
    assert answer.min() >= 0 and answer.max() <= 255.01
    even = np.full((1, *size, 3), [10.0, 60.0, 200.0])
    np.testing.assert_allclose(filled(even, known[:1]), even, rtol=1e-4)


def test_a_slope_goes_on_through_a_hole():
    """A plane solves Laplace's equation."""
    rows, columns = np.mgrid[:32, :32]
    plane = (4.0 * rows + 2.0 * columns)[None, ..., None]
    known = np.ones((1, 32, 32, 1))
    known[:, 10:18, 12:21] = 0
    spread = np.abs(plane - plane[known > 0].mean())[known == 0].mean()
    assert np.abs(filled(plane, known) - plane).max() < 0.05 * spread


def test_pictures_do_not_mix_and_what_is_missing_does_not_matter():
    picture, known = RNG.uniform(0, 255, (2, 8, 8, 3)), RNG.uniform(size=(2, 8, 8, 1)) < 0.5
    both = filled(picture, known)
    for row in range(2):
        alone = filled(picture[row : row + 1], known[row : row + 1])
        np.testing.assert_allclose(both[row : row + 1], alone, rtol=1e-6)
    other = np.where(known, picture, 255 - picture)
    np.testing.assert_array_equal(filled(other, known), both)


def test_without_a_known_pixel_the_answer_is_finite():
    assert np.isfinite(filled(np.ones((1, 8, 8, 3)), np.zeros((1, 8, 8, 1)))).all()


def test_its_shape_is_known():
    inputs = keras.Input((16, 12, 3)), keras.Input((16, 12, 1))
    assert SmoothFill()(*inputs).shape == (None, 16, 12, 3)
