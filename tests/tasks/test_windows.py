import keras
import numpy as np
import pytest

from keras_vit.tasks.windows import windowed


def of_pixels(size):
    """A model that answers each pixel by itself."""
    images = keras.Input((*size, 3))
    maps = keras.layers.Conv2D(2, 1, name="pixelwise")(images)
    return keras.Model(images, maps)


@pytest.mark.parametrize("size", [(8, 8), (9, 8), (13, 30), (16, 11)])
def test_windows_cover_an_image_and_their_mean_is_the_answer(size):
    small, images = of_pixels((8, 8)), np.random.default_rng(0).normal(size=(3, *size, 3))
    large = windowed(small, size)
    expected = small.get_layer("pixelwise")(images)
    np.testing.assert_allclose(large(images), expected, rtol=1e-5, atol=1e-5)
    assert large.output_shape == (None, *size, 2)


def test_windows_that_overlap_are_averaged():
    """The answer of a window is its mean, so it tells where each pixel was read."""
    images = keras.Input((6, 6, 1))
    mean = keras.layers.AveragePooling2D(6)(images)
    model = keras.Model(images, keras.layers.UpSampling2D(6)(mean))
    pixels = np.zeros((1, 6, 9, 1), "float32")
    pixels[:, :, 3:6] = 2.0
    pixels[:, :, 6:] = 8.0
    answer = np.asarray(windowed(model, (6, 9))(pixels))[0, 0, :, 0]
    first, second = 1.0, 5.0  # means of columns 0 to 5 and 3 to 8
    np.testing.assert_allclose(answer, [first] * 3 + [(first + second) / 2] * 3 + [second] * 3)


def test_enlarged_images_are_answered_at_their_own_size():
    """A brightness that rises evenly stays what it is, but for the borders."""
    small = of_pixels((8, 8))
    rising = np.broadcast_to(np.arange(12.0)[None, None, :, None], (1, 8, 12, 3))
    large = windowed(small, (8, 12), enlarge=1.5)
    assert large.get_layer("windows").places[-1] == (12 - 8, 18 - 8)
    assert large.output_shape == (None, 8, 12, 2)
    answer, expected = large(rising), small.get_layer("pixelwise")(rising)
    np.testing.assert_allclose(answer[:, :, 1:-1], expected[:, :, 1:-1], rtol=1e-4, atol=1e-4)


def test_the_mean_over_several_scales_is_the_answer():
    small, images = of_pixels((8, 8)), np.random.default_rng(0).normal(size=(2, 8, 12, 3))
    each = [windowed(small, (8, 12), enlarge=factor)(images) for factor in (1, 1.5)]
    both = windowed(small, (8, 12), enlarge=(1, 1.5))
    np.testing.assert_allclose(both(images), (each[0] + each[1]) / 2, rtol=1e-5, atol=1e-5)
    assert both.count_params() == small.count_params()
    with pytest.raises(ValueError, match="a factor or several: received none"):
        windowed(small, (8, 12), enlarge=())


@pytest.mark.parametrize("enlarge", [1.5, (1.5, 2)])
def test_a_windowed_model_is_saved_and_loaded(tmp_path, enlarge):
    large = windowed(of_pixels((8, 8)), (9, 12), enlarge=enlarge)
    large.save(tmp_path / "large.keras")
    images = np.random.default_rng(0).normal(size=(2, 9, 12, 3))
    again = keras.saving.load_model(tmp_path / "large.keras")
    np.testing.assert_array_equal(again(images), large(images))


def test_an_image_smaller_than_a_window_is_refused():
    with pytest.raises(ValueError, match=r"not be smaller than the window \(8, 8\): .*\(7, 20\)"):
        windowed(of_pixels((8, 8)), (7, 20))
    with pytest.raises(ValueError, match=r"than the window \(8, 8\): .*\(3, 20\), enlarge=2.0"):
        windowed(of_pixels((8, 8)), (3, 20), enlarge=2.0)
