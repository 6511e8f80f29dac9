"""Pairs of small and large pictures."""

import functools
from fractions import Fraction

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_vit.data import BrokenPictures, from_folder, staged_crop, train_batches
from keras_vit.data.augment import as_one, random_place_crop, random_turn
from keras_vit.data.pairs import pairs
from keras_vit.errors import UserError
from keras_vit.images.bicubic import REACH, bicubic

RNG = np.random.default_rng(0)


def noise(*shape):
    return RNG.integers(0, 256, shape, dtype="uint8")


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_small_images_are_those_of_bicubic(scale):
    images = noise(2, 6 * scale, 9 * scale, 3)
    small, large = pairs({"image": images}, scale=scale)
    assert small.dtype == large.dtype == tf.uint8
    np.testing.assert_array_equal(small, bicubic(images, Fraction(1, scale)))
    np.testing.assert_array_equal(large, images)


@pytest.mark.parametrize("scale", [2, 3])
def test_within_its_margin_a_crop_is_that_of_the_whole_picture(scale):
    images = noise(1, 20 * scale, 18 * scale, 3)
    whole, _ = pairs({"image": images}, scale=scale)
    top, left, side = 3, 5, 10
    rows, columns = slice(top, top + side), slice(left, left + side)
    crop = images[:, top * scale : (top + side) * scale, left * scale : (left + side) * scale]
    small, large = pairs({"image": crop}, scale=scale, margin=REACH)
    np.testing.assert_array_equal(small, whole[:, rows, columns][:, 2:-2, 2:-2])
    np.testing.assert_array_equal(large, crop[:, 2 * scale : -2 * scale, 2 * scale : -2 * scale])
    bare, _ = pairs({"image": crop}, scale=scale)
    assert (np.asarray(bare) != np.asarray(whole)[:, rows, columns]).any()


@pytest.mark.parametrize(
    "size, how, message",
    [
        ((1, 8), dict(scale=2), "must not be smaller than the scale 2: received 1x8"),
        ((8, 9), dict(scale=2), "scale 2 must divide the size of a truth: received 8x9"),
        ((8, 8), dict(scale=2, margin=2), "larger than its margin, 4 pixels on each side: .* 8x8"),
        ((8, 8), dict(scale=1), "`scale` must be an integer from 2: received scale=1"),
        ((8, 8), dict(scale=2.5), "`scale` must be an integer from 2: received scale=2.5"),
        ((8, 8), dict(scale=2, margin=-1), "`margin` must be at least 0: received margin=-1"),
    ],
)
def test_what_makes_no_pairs_is_refused(size, how, message):
    with pytest.raises(UserError, match=message):
        pairs({"image": noise(1, *size, 3)}, **how)


def test_images_of_any_size_are_refused():
    with pytest.raises(UserError, match="Pairs need images of one size, from a crop"):
        tf.function(lambda x: pairs({"image": x}, scale=2)).get_concrete_function(
            tf.TensorSpec([None, None, None, 3], tf.uint8)
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six pictures, of which one is too small for a crop of 16 pixels."""
    path = tmp_path_factory.mktemp("pictures")
    for name, size in enumerate([(24, 30), (16, 16), (20, 17), (40, 31), (15, 40), (33, 32)]):
        Image.fromarray(noise(*size, 3)).save(path / f"{name}.png")
    return path


def stream(folder, **how):
    stage = as_one(functools.partial(random_place_crop, size=16), random_turn)
    return train_batches(
        from_folder(folder).splits["train"],
        batch_size=5,
        seed=3,
        crop=functools.partial(staged_crop, stage=stage),
        example=functools.partial(pairs, scale=2),
        **how,
    ).as_numpy_iterator()


def test_a_folder_becomes_pairs_that_depend_on_seed_and_place(folder):
    broken = BrokenPictures()
    batches = [batch for batch, _ in zip(stream(folder, broken=broken), range(4), strict=False)]
    for small, large in batches:
        assert small.shape == (5, 8, 8, 3) and large.shape == (5, 16, 16, 3)
        np.testing.assert_array_equal(small, bicubic(large, Fraction(1, 2)))
    small, large = next(stream(folder, start_step=2, worker=3, workers=5))
    np.testing.assert_array_equal(small, batches[2][0][3:4])
    np.testing.assert_array_equal(large, batches[2][1][3:4])
    crops = np.concatenate([large for _, large in batches])
    assert len(np.unique(crops.reshape(len(crops), -1), axis=0)) > 15

    (path, reason), *others = broken.reasons.items()
    assert path.endswith("4.png") and not others
    assert reason == "A picture must not be smaller than its crop, 16x16 pixels: received 15x40."


def test_a_folder_of_pictures_that_are_all_too_small_says_why(tmp_path):
    Image.fromarray(noise(3, 1, 3)).save(tmp_path / "0.png")
    with pytest.raises(UserError, match=r"0\.png: A picture must not be smaller .* received 3x1\."):
        train_batches(
            from_folder(tmp_path).splits["train"],
            batch_size=1,
            seed=0,
            crop=functools.partial(staged_crop, stage=functools.partial(random_place_crop, size=2)),
        )
