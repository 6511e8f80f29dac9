import functools
import io
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from thinned import thinned

from keras_vit.data import centre_crop, inception_crop
from keras_vit.data.augment import example_keys
from keras_vit.data.augment.windows import random_windows
from keras_vit.images.preprocessing import Preprocessing

Y, X = np.mgrid[:120, :160]
SMOOTH = np.stack([X, Y, 255 - X], axis=-1).astype("uint8")


def encode(pixels, format="JPEG", **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format, **options)
    return file.getvalue()


def in_a_dataset(function, *arguments):
    """Returns what a function makes of the elements of its arguments, traced once."""
    return list(tf.data.Dataset.from_tensor_slices(arguments).map(function).as_numpy_iterator())


# The centre crop


def timms_crop(image, size, ratio):
    """What timm's evaluation makes of an image of Pillow's."""
    (width, height), short = image.size, int(size / ratio)
    if height <= width:
        resized = int(short * width / height), short
    else:
        resized = short, int(short * height / width)
    left, top = (int(round((side - size) / 2)) for side in resized)
    resized = np.asarray(image.resize(resized, Image.Resampling.BICUBIC)).astype(int)
    return resized[top : top + size, left : left + size]


@pytest.mark.parametrize("ratio", [0.875, 1.0])
def test_the_centre_crop_is_timms(ratio):
    rng = np.random.default_rng(0)
    shapes = [(97, 331), (1, 1), (120, 160), (160, 120), (64, 64), (30, 40)]
    # Without black and white: Pillow cuts off what the kernel overshoots after each of two passes.
    pictures = [rng.integers(64, 192, (*shape, 3)).astype("uint8") for shape in shapes]
    crop = functools.partial(
        centre_crop, preprocessing=Preprocessing(image_size=48, crop_ratio=ratio)
    )
    ours = in_a_dataset(crop, [encode(pixels, "PNG") for pixels in pictures])
    for shape, pixels, image in zip(shapes, pictures, ours, strict=True):
        expected = timms_crop(Image.fromarray(pixels), 48, ratio)
        assert np.abs(image.astype(int) - expected).max() <= 1, shape


@pytest.mark.skipif(
    "KERAS_VIT_SAMPLES" not in os.environ, reason="KERAS_VIT_SAMPLES names no ImageNet samples"
)
def test_the_centre_crop_of_photographs_is_timms():
    preprocessing = Preprocessing(image_size=224, crop_ratio=0.9)
    for path in sorted(Path(os.environ["KERAS_VIT_SAMPLES"], "images").iterdir())[::10]:
        ours = centre_crop(path.read_bytes(), preprocessing=preprocessing).numpy().astype(int)
        expected = timms_crop(Image.open(path).convert("RGB"), 224, 0.9)
        assert np.abs(ours - expected).mean() < 0.5, path


# The Inception crop


def windows(count, height, width, **options):
    """Reads back which window each of many crops took, from pixels that say where they are."""
    options = {"area": (0.08, 1.0), "aspect": (3 / 4, 4 / 3), **options}
    return np.stack(
        list(
            tf.data.Dataset.from_tensor_slices(example_keys(0, tf.range(count, dtype=tf.int64)))
            .map(lambda key: random_windows(height, width, key[None], **options)[0])
            .as_numpy_iterator()
        )
    )


def test_windows_are_drawn_as_the_paper_says():
    top, left, height, width = windows(1500, 300, 400).T
    assert (top >= 0).all() and (left >= 0).all()
    assert (top + height <= 300).all() and (left + width <= 400).all()
    share = height * width / 120_000
    assert 0.078 < share.min() < 0.1 and share.max() > 0.9
    aspect = width / height
    assert 0.74 < aspect.min() < 0.76 and 1.31 < aspect.max() < 1.35
    small = share < 0.3  # which always fit, so that nothing is drawn anew
    assert np.log(aspect[small]).mean() == pytest.approx(0, abs=0.03)
    assert share[small].mean() == pytest.approx(0.19, abs=0.01)
    freedom = (top / np.maximum(300 - height, 1))[small]
    assert freedom.mean() == pytest.approx(0.5, abs=0.04)


def test_where_no_window_fits_the_largest_in_the_middle_is_taken():
    assert (windows(20, 10, 1000, area=(0.99, 1.0)) == [0, 494, 10, 13]).all()
    assert (windows(20, 1000, 10, area=(0.99, 1.0)) == [494, 0, 13, 10]).all()


@pytest.mark.parametrize("size", thinned([16, 64, 8, 30, 128], fast=2))
def test_the_crop_is_the_window_resized(size):
    files = [encode(SMOOTH, quality=95), encode(SMOOTH, "PNG")]
    (key,) = example_keys(3, tf.constant([5], tf.int64))
    crops = in_a_dataset(functools.partial(inception_crop, size=size), files, [key, key])
    (window,) = random_windows(120, 160, key[None], (0.08, 1.0), (3 / 4, 4 / 3)).numpy()
    top, left, height, width = window
    box = (left, top, left + width, top + height)
    expected = Image.fromarray(SMOOTH).resize((size, size), Image.Resampling.BILINEAR, box)
    for ours in crops:
        assert ours.dtype == np.uint8 and ours.shape == (size, size, 3)
        difference = np.abs(ours.astype(int) - np.asarray(expected).astype(int))
        assert difference.mean() < 1.5 and difference.max() < 12, window


def test_the_same_key_cuts_the_same_window():
    keys = example_keys(0, tf.range(8, dtype=tf.int64))
    encoded = encode(SMOOTH)
    first, second = (
        np.stack([inception_crop(encoded, key, size=16) for key in keys]) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
    assert len(np.unique(first.reshape(8, -1), axis=0)) == 8
