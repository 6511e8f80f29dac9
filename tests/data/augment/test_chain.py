import functools

import keras
import keras_cv
import numpy as np
import pytest
import tensorflow as tf

from keras_vit.data.augment import chain, fold, layer_stage, random_flip, uniform


def numbers(images, keys):
    return images + uniform(keys, 1)[:, :, None, None]


def test_stages_follow_each_other_with_keys_of_their_own(keys):
    images = np.zeros((3, 1, 1, 1), "float32")
    twice = chain(numbers, lambda images, keys: 10 * images, numbers)(images, keys(3))
    first, last = uniform(fold(keys(3), 0), 1), uniform(fold(keys(3), 2), 1)
    np.testing.assert_allclose(twice[:, 0, 0], 10 * first + last, rtol=1e-6)
    assert (np.asarray(first) != np.asarray(last)).all()


def test_no_stages_change_nothing(keys):
    images = np.ones((2, 3, 3, 1), "uint8")
    np.testing.assert_array_equal(chain()(images, keys(2)), images)


def test_a_chain_is_resumable_when_all_its_stages_are():
    hidden = layer_stage(keras.layers.RandomRotation(0.1))
    assert hidden.resumable is False
    assert chain(random_flip, functools.partial(random_flip)).resumable is True
    assert chain(random_flip, hidden).resumable is False
    assert chain(chain(hidden), random_flip).resumable is False


@pytest.mark.parametrize(
    "layer",
    [
        lambda: keras.layers.RandomRotation(0.2, fill_mode="constant"),
        lambda: keras_cv.layers.GridMask(ratio_factor=(0.3, 0.5)),
        lambda: keras.layers.RandomBrightness((0.5, 0.5)),
    ],
    ids=["rotation", "grid mask", "brightness"],
)
def test_layers_are_stages_eagerly_and_in_a_pipeline(layer, picture, keys):
    stage = layer_stage(layer())
    images = picture.repeat(4, 0)
    eager = stage(images, keys(4))
    dataset = tf.data.Dataset.from_tensors((images, keys(4))).repeat(2).map(stage)
    for changed in (eager, *dataset):
        assert changed.dtype == tf.uint8 and changed.shape == images.shape
        assert (np.asarray(changed) != images).mean() > 0.05
        assert np.asarray(changed).astype(int).mean() > 30  # 0 to 255, not 0 to 1


def test_a_layers_values_are_cut_off_and_rounded(keys):
    images = np.array([0, 100, 200], "uint8").reshape(1, 1, 3, 1)
    stage = layer_stage(keras.layers.Lambda(lambda values: values * 1.499 - 10))
    np.testing.assert_array_equal(np.ravel(stage(images, keys(1))), [0, 140, 255])
    floats = stage(images.astype("float32"), keys(1))
    np.testing.assert_allclose(np.ravel(floats), [-10, 139.9, 289.8], rtol=1e-6)
