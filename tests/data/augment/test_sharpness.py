import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy import ndimage

from keras_vit.data.augment import sharpness

RANDOM = np.random.default_rng(0).integers(0, 256, (4, 20, 24, 3)).astype("uint8")


@pytest.mark.parametrize("channels", [1, 3])
def test_sharpness_is_pillows(channels, pillow):
    factors = np.array([0, 0.4, 1, 1.9], "float32")
    images = RANDOM[..., :channels]
    ours = sharpness.sharpness(images, factors)
    np.testing.assert_array_equal(ours, pillow("sharpness", images, factors))


@pytest.mark.parametrize("height, width", [(2, 9), (9, 1), (3, 3)])
def test_small_images_have_hardly_an_inside(height, width, pillow):
    images = RANDOM[:, :height, :width]
    ours = sharpness.sharpness(images, np.full(4, 1.7, "float32"))
    np.testing.assert_array_equal(ours, pillow("sharpness", images, [1.7] * 4))


@pytest.mark.parametrize("channels", [1, 3])
def test_the_blur_is_a_gaussian(channels):
    deviations = np.array([0.1, 0.6, 1.3, 2], "float32")
    images = RANDOM[..., :channels]
    ours = np.asarray(sharpness.gaussian_blur(images, deviations))
    theirs = [
        ndimage.gaussian_filter(image.astype("float32"), deviation, mode="nearest", axes=(0, 1))
        for image, deviation in zip(images, deviations, strict=True)
    ]
    np.testing.assert_allclose(ours, theirs, atol=1)


def test_the_blur_is_nearly_pillows_on_a_picture(picture):
    for deviation in (0.5, 1, 2):  # Pillow's is three box filters
        ours = np.asarray(sharpness.gaussian_blur(picture, [deviation]))[0].astype(int)
        theirs = Image.fromarray(picture[0]).filter(ImageFilter.GaussianBlur(deviation))
        difference = np.abs(ours - np.asarray(theirs))
        assert difference.max() <= 5 and difference.mean() < 1, deviation


def test_a_blurred_constant_is_constant():
    images = np.full((1, 7, 5, 3), 77, "uint8")
    np.testing.assert_array_equal(sharpness.gaussian_blur(images, [2.0]), images)
