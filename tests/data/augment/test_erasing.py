import functools

import numpy as np
import pytest
import tensorflow as tf

from keras_vit.data.augment import random_erasing
from keras_vit.data.augment.rectangle import paste

IMAGES = np.zeros((3000, 32, 24, 1), "uint8")
MARKED = functools.partial(random_erasing, noise=False, mean=255)


@pytest.fixture(scope="module")
def boxes(keys):
    """The erased rectangles of 3000 images of 32x24: top, bottom, left, right; and which."""
    erased = np.asarray(MARKED(IMAGES, keys(3000), rate=1.0))[..., 0] == 255
    rows, columns = erased.any(2), erased.any(1)
    top, bottom = rows.argmax(1), 32 - rows[:, ::-1].argmax(1)
    left, right = columns.argmax(1), 24 - columns[:, ::-1].argmax(1)
    assert (erased.sum((1, 2)) == (bottom - top) * (right - left)).all()  # rectangles indeed
    return top, bottom, left, right


def test_area_and_aspect_are_the_papers(boxes):
    top, bottom, left, right = boxes
    height, width = bottom - top, right - left
    area, aspect = height * width / (32 * 24), height / width
    assert 0.015 < area.min() < 0.03 and 0.31 < area.max() < 0.36
    assert area.mean() == pytest.approx((0.02 + 1 / 3) / 2, abs=0.01)
    assert 0.2 < aspect.min() < 0.4 and 2.5 < aspect.max() < 5
    # Too tall for a height of 32 is rarer than too wide for 24: the logarithm's mean is above 0.
    assert 0 < np.log(aspect).mean() < 0.1
    assert np.log(aspect).std() == pytest.approx(2 * np.log(1 / 0.3) / 12**0.5, rel=0.08)
    assert height.max() < 32 and width.max() < 24


def test_places_are_uniform(boxes):
    top, bottom, left, right = boxes
    for start, end, side in ((top, bottom, 32), (left, right, 24)):
        place = start / (side - (end - start))
        assert place.min() == 0 and place.max() == 1
        assert place.mean() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("rate", [0.0, 0.25, 1.0])
def test_as_many_images_as_the_rate_says(rate, keys):
    changed = np.asarray(MARKED(IMAGES, keys(3000), rate=rate)).any((1, 2, 3))
    assert changed.mean() == pytest.approx(rate, abs=0.036 * (0 < rate < 1))


def test_noise_is_normal_around_the_mean_of_each_channel(keys):
    images = np.zeros((200, 32, 24, 3), "uint8")
    mean, std = (120, 110, 100), (20, 30, 10)
    erased = random_erasing(images, keys(200), rate=1.0, mean=mean, std=std)
    values = np.asarray(erased).reshape(-1, 3)
    values = values[values.any(1)].astype(float)
    np.testing.assert_allclose(values.mean(0), mean, atol=0.5)
    np.testing.assert_allclose(values.std(0), std, rtol=0.02)
    within = (np.abs(values - mean) < std).mean(0)
    np.testing.assert_allclose(within, 0.683, atol=0.03)
    assert np.abs(np.corrcoef(values.T) - np.eye(3)).max() < 0.03


def test_noise_is_cut_off_at_black_and_white(keys):
    erased = random_erasing(IMAGES[:50] + 7, keys(50), rate=1.0, std=1000.0)
    values, counts = np.unique(erased, return_counts=True)
    assert {0, 255} <= set(values) and counts[values == 255] > 500


def test_what_never_fits_is_left_alone(keys):
    images = np.zeros((20, 4, 4, 1), "uint8")
    np.testing.assert_array_equal(MARKED(images, keys(20), rate=1.0, area=(1.0, 1.0)), images)


def test_a_rate_above_1_is_refused(keys):
    with pytest.raises(ValueError, match="from 0 to 1: received rate=25"):
        random_erasing(IMAGES[:1], keys(1), rate=25)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_a_rectangle_is_pasted_where_it_belongs(dtype):
    rng = np.random.default_rng(0)
    images, others = rng.integers(0, 256, (2, 3, 5, 6, 3)).astype(dtype)
    box = tf.constant([[0, 1, 2], [5, 3, 2], [0, 2, 0], [6, 3, 6]])
    pasted = np.asarray(paste(tf.constant(images), tf.constant(others), *box))
    expected = images.copy()
    expected[0], expected[1, 1:3, 2:3] = others[0], others[1, 1:3, 2:3]
    np.testing.assert_array_equal(pasted, expected)
