import numpy as np
import pytest
import tensorflow as tf

from keras_vit.data.augment import tone

RNG = np.random.default_rng(0)
RAMP = np.broadcast_to(np.arange(40) * 3 + 70, (4, 32, 40))[..., None] * [1, 0.8, 0.5]
IMAGES = {
    "random": RNG.integers(0, 256, (4, 32, 40, 3)),
    "smooth": RAMP,
    "narrow": RNG.integers(60, 140, (4, 32, 40, 3)),
    "constant": np.full((4, 32, 40, 3), 200),
    "two values": RNG.integers(0, 2, (4, 32, 40, 3)) * 90 + 30,
    "tiny": RNG.integers(0, 256, (4, 2, 3, 3)),
}
AMOUNTS = {
    "brightness": [0, 0.3, 1, 1.77],
    "contrast": [0, 0.3, 1, 1.77],
    "posterize": [1, 3, 7, 8],
    "solarize": [0, 77, 254.5, 256],
    "solarize_add": [0, 30, 110, 330],
    "autocontrast": [0] * 4,
    "equalize": [0] * 4,
    "invert": [0] * 4,
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("name", AMOUNTS)
def test_every_change_is_pillows(name, kind, channels, pillow):
    images = IMAGES[kind][..., :channels].astype("uint8")
    amounts = np.array(AMOUNTS[name], "float32")
    change = getattr(tone, name)
    plain = name in ("autocontrast", "equalize", "invert")
    ours = change(images) if plain else change(images, amounts)
    assert ours.dtype == tf.uint8
    theirs = pillow(name, images, amounts).astype(int)
    difference = np.abs(np.asarray(ours).astype(int) - theirs)
    if name == "autocontrast":  # Pillow's factors are rounded before the product is truncated
        assert difference.max() <= 1 and difference.mean() < 0.03
    else:
        np.testing.assert_array_equal(difference, 0)


def test_no_bits_kept_is_black():  # as in the codes of the papers; Pillow now refuses it
    images = IMAGES["random"].astype("uint8")
    assert not np.asarray(tone.posterize(images, [0, 0.9, 0, -3])).any()


def test_images_that_are_not_bytes_are_refused():
    with pytest.raises(TypeError, match="uint8 images: received float32"):
        tone.invert(np.zeros((1, 2, 2, 3), "float32"))


def test_keras_cv_agrees(picture):
    import keras_cv

    solarized = keras_cv.layers.Solarization(value_range=(0, 255), threshold_factor=(128, 128))
    np.testing.assert_allclose(
        tone.solarize(picture, [128]), solarized(picture.astype("float32")), atol=1
    )
    inverted = keras_cv.layers.Solarization(value_range=(0, 255), threshold_factor=(0, 0))
    np.testing.assert_allclose(tone.invert(picture), inverted(picture.astype("float32")), atol=1)
    posterized = keras_cv.layers.Posterization(value_range=(0, 255), bits=3)
    np.testing.assert_allclose(
        tone.posterize(picture, [3]), posterized(picture.astype("float32")), atol=1
    )
    stretched = keras_cv.layers.AutoContrast(value_range=(0, 255))
    np.testing.assert_allclose(
        tone.autocontrast(picture), stretched(picture.astype("float32")), atol=1
    )
    spread = keras_cv.layers.Equalization(value_range=(0, 255))
    np.testing.assert_allclose(tone.equalize(picture), spread(picture.astype("float32")), atol=1)
