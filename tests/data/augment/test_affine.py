import numpy as np
import pytest
import tensorflow as tf

from keras_vit.data.augment import affine

AMOUNTS = {
    "shear_x": [0, 0.3, -0.2, 0.13],
    "shear_y": [0, 0.3, -0.2, 0.13],
    "translate_x": [0, 3, -2.4, 7.7],
    "translate_y": [0, 3, -2.4, 7.7],
    "rotate": [0, 30, -17, 90],
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", AMOUNTS)
def test_every_move_is_pillows(name, channels, picture, pillow):
    images = picture.repeat(4, 0)[..., :channels]
    ours = np.asarray(getattr(affine, name)(images, AMOUNTS[name], fill=255)).astype(int)
    theirs = pillow(name, images, AMOUNTS[name], fill=255).astype(int)
    difference = np.abs(ours - theirs)
    np.testing.assert_array_equal(difference[0], 0)
    # Ours rounds, Pillow truncates; over the last pixel ours fades out, Pillow's goes on.
    assert (difference <= 1).mean() > 0.94
    outside = np.asarray(theirs) == 255
    assert difference[outside].mean() < 10


def test_nearest_pixels_are_pillows(picture):
    from PIL import Image

    ours = np.asarray(affine.rotate(picture, [33.0], fill=9, interpolation="nearest"))[0]
    theirs = Image.fromarray(picture[0]).rotate(33, fillcolor=(9, 9, 9))
    assert (ours == np.asarray(theirs)).mean() > 0.995  # ties


def test_every_image_has_a_move_of_its_own(picture):
    amounts = tf.constant([1.0, -2.0, 0.0])
    together = affine.translate_x(picture.repeat(3, 0), amounts)
    for number, amount in enumerate(amounts):
        alone = affine.translate_x(picture, amount[None])
        np.testing.assert_array_equal(together[number], alone[0])


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_rows_slide_as_matrices_move_them(interpolation, picture):
    options = dict(fill=33, interpolation=interpolation)
    for matrix, name, amount in (
        ((1, 0.21, 0.105, 0, 1, 0), "shear_x", 0.21),
        ((1, 0, 0, -0.4, 1, -0.2), "shear_y", -0.4),
        ((1, 0, 45.3, 0, 1, 0), "translate_x", 45.3),
        ((1, 0, 0, 0, 1, -3.3), "translate_y", -3.3),
    ):
        moved = affine.affine(picture, tf.constant([matrix], tf.float32), **options)
        ours = getattr(affine, name)(picture, [amount], **options)
        difference = np.abs(np.asarray(ours).astype(int) - np.asarray(moved))
        assert (difference <= 1).mean() > 0.999, name  # ties


def test_whole_pixels_move_without_a_change(picture):
    moved = np.asarray(affine.translate_y(picture, [5], fill=7))
    np.testing.assert_array_equal(moved[:, :-5], picture[:, 5:])
    assert (moved[:, -5:] == 7).all()


def test_an_image_of_one_value_stays_so_within():
    images = np.full((1, 40, 40, 3), 201, "uint8")
    turned = np.asarray(affine.rotate(images, [11.3]))
    assert (turned[0, 10:30, 10:30] == 201).all()
    moved = np.asarray(affine.translate_x(images, [0.3]))
    assert (moved[0, :, :-1] == 201).all()


def test_floats_stay_floats(picture):
    moved = affine.translate_x(picture.astype("float32") / 255, [0.5])
    assert moved.dtype == tf.float32
    expected = (picture[:, :, :-1] / 255 + picture[:, :, 1:] / 255) / 2
    np.testing.assert_allclose(moved[:, :, :-1], expected, atol=1e-6)


def test_a_plain_colour_stays_one_when_it_is_turned():
    plain = tf.fill((40, 33, 33, 1), tf.constant(77, tf.uint8))
    turned = np.asarray(affine.rotate(plain, tf.linspace(0.0, 90.0, 40)))
    assert (turned[:, 10:23, 10:23] == 77).all()  # what is not rounded leaves specks of 76
