import keras
import numpy as np
import pytest

from keras_vit.layers import Patches, patchify, unpatchify


@pytest.fixture
def images():
    return np.random.default_rng(0).normal(size=(2, 6, 9, 4)).astype("float32")


def test_patches_and_their_pixels_are_row_major():
    image = np.arange(4 * 6).reshape(1, 4, 6, 1)
    expected = [
        [0, 1, 6, 7],
        [2, 3, 8, 9],
        [4, 5, 10, 11],
        [12, 13, 18, 19],
        [14, 15, 20, 21],
        [16, 17, 22, 23],
    ]
    np.testing.assert_array_equal(patchify(image, 2)[0], expected)


def test_channels_come_last_within_a_pixel(images):
    first_patch = np.asarray(patchify(images, 3))[1, 0]
    np.testing.assert_array_equal(first_patch, images[1, :3, :3].ravel())


def test_unpatchify_inverts_patchify(images):
    np.testing.assert_array_equal(unpatchify(patchify(images, 3), (6, 9), 3), images)


def test_patches_and_dense_equal_the_strided_convolution(images):
    convolution = keras.layers.Conv2D(5, kernel_size=3, strides=3)
    expected = np.asarray(convolution(images)).reshape(2, 6, 5)
    kernel, bias = convolution.get_weights()
    actual = np.asarray(Patches(3)(images)) @ kernel.reshape(-1, 5) + bias
    np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_a_patch_that_does_not_divide_the_image_is_refused(images):
    with pytest.raises(ValueError, match="patch_size=4, image 6x9"):
        patchify(images, 4)
    with pytest.raises(ValueError, match="patch_size=0"):
        Patches(0)(images)


def test_patches_that_do_not_fill_the_image_are_refused(images):
    with pytest.raises(ValueError, match="received 6 patches of 36 numbers for an image 6x6"):
        unpatchify(patchify(images, 3), (6, 6), 3)


def test_an_image_of_unknown_size_is_refused():
    with pytest.raises(ValueError, match="fixed image size"):
        Patches(2)(keras.Input((None, None, 3)))
