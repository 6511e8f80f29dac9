import colorsys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_vit.data.augment import colour

RANDOM = np.random.default_rng(0).integers(0, 256, (4, 20, 24, 3)).astype("uint8")


def test_grey_is_pillows():
    theirs = np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in RANDOM])
    np.testing.assert_array_equal(np.asarray(colour.grey(RANDOM))[..., 0], theirs)
    taken = np.asarray(colour.grayscale(RANDOM))
    assert taken.shape == RANDOM.shape
    np.testing.assert_array_equal(taken, theirs[..., None].repeat(3, -1))


def test_the_extremes_of_grey_are_exact():
    ends = np.array([0, 255], "uint8").repeat(3).reshape(2, 1, 1, 3)
    np.testing.assert_array_equal(np.ravel(colour.grey(ends)), [0, 255])


@pytest.mark.parametrize("channels", [1, 3])
def test_saturation_is_pillows(channels, pillow):
    factors = np.array([0, 0.4, 1, 1.9], "float32")
    images = RANDOM[..., :channels]
    ours = colour.saturation(images, factors)
    np.testing.assert_array_equal(ours, pillow("saturation", images, factors))


def test_hue_is_that_of_colorsys():
    turns = np.array([0, 0.25, -0.4, 0.5], "float32")
    ours = np.asarray(colour.hue(RANDOM, turns)).reshape(-1, 3)
    pixels = RANDOM.reshape(-1, 3) / 255
    theirs = []
    for pixel, turn in zip(pixels, turns.repeat(20 * 24), strict=True):
        h, s, v = colorsys.rgb_to_hsv(*pixel)
        theirs.append(colorsys.hsv_to_rgb((h + turn) % 1, s, v))
    np.testing.assert_allclose(ours, np.array(theirs) * 255, atol=0.51)


def test_no_turn_and_a_whole_turn_change_nothing():
    np.testing.assert_array_equal(colour.hue(RANDOM, [0, 1, -1, 0]), RANDOM)
    grey = RANDOM[..., :1]
    np.testing.assert_array_equal(colour.hue(grey, [0.3] * 4), grey)


@pytest.mark.parametrize("change", [colour.grey, colour.grayscale])
def test_one_channel_is_its_own_grey(change):
    np.testing.assert_array_equal(change(RANDOM[..., :1]), RANDOM[..., :1])


def test_two_channels_have_no_colour():
    with pytest.raises(ValueError, match="1 or 3 channels: received 2"):
        colour.grey(tf.zeros((1, 4, 4, 2), tf.uint8))
