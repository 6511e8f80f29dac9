"""Crops of encoded pictures move the mask and the boxes as they move the picture."""

import functools
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_vit.data import centre_crop, inception_crop, staged_crop
from keras_vit.data.augment import as_one, example_keys, random_flip, random_scale_crop
from keras_vit.errors import UserError
from keras_vit.images.preprocessing import Preprocessing

COUNT, SIZE = 12, (36, 52)
BOX = (60, 40, 110, 90)
KEYS = example_keys(0, tf.range(COUNT, dtype=tf.int64))
CASES = {
    "inception": ("JPEG", functools.partial(inception_crop, size=SIZE, area=(0.3, 1.0))),
    "inception of PNG": ("PNG", functools.partial(inception_crop, size=SIZE, area=(0.3, 1.0))),
    "centre": (
        "PNG",
        functools.partial(
            centre_crop, preprocessing=Preprocessing(image_size=SIZE, crop_ratio=0.8)
        ),
    ),
    "staged": (
        "JPEG",
        functools.partial(
            staged_crop,
            stage=as_one(random_flip, functools.partial(random_scale_crop, size=SIZE)),
        ),
    ),
}


def sample_of(format):
    mask = np.zeros((120, 160), "uint8")
    mask[BOX[1] : BOX[3], BOX[0] : BOX[2]] = 7
    file = io.BytesIO()
    Image.fromarray(30 * mask).convert("RGB").save(file, format, quality=95)
    boxes = np.array([BOX, (0, 0, 0, 0)], "float32")
    return {
        "image": file.getvalue(),
        "target": file.getvalue(),
        "mask": mask,
        "boxes": boxes,
        "box_labels": np.array([3, -1]),
        "label": 5,
    }


def hull(pixels):
    rows, columns = np.nonzero(pixels)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


@pytest.mark.parametrize("case", CASES)
def test_a_box_is_the_hull_of_what_is_seen_in_picture_and_mask(case):
    format, crop = CASES[case]
    given = {name: tf.convert_to_tensor(values) for name, values in sample_of(format).items()}
    seen = 0
    for key in KEYS:
        moved, image = crop(given, key), crop(given["image"], key)
        moved = {name: values.numpy() for name, values in moved.items()}
        np.testing.assert_array_equal(moved["image"], image)
        np.testing.assert_array_equal(moved["target"], image)
        assert moved["image"].shape == (*SIZE, 3) and moved["mask"].shape == SIZE
        assert moved["label"] == 5 and moved["image"].dtype == moved["mask"].dtype == np.uint8
        assert not moved["boxes"][1].any() and moved["box_labels"][1] == -1
        if moved["box_labels"][0] == 3:
            box = moved["boxes"][0]
            np.testing.assert_allclose(hull(moved["mask"] == 7), box, atol=1)
            np.testing.assert_allclose(hull(moved["image"][..., 0] > 105), box, atol=1.5)
            seen += 1
    assert seen >= COUNT / 3


@pytest.mark.parametrize("case", CASES)
def test_targets_of_pixels_keep_their_dtype_and_range(case):
    given = {name: tf.convert_to_tensor(values) for name, values in sample_of("PNG").items()}
    depth = 4 * tf.cast(tf.io.decode_png(given["image"]), "float32")
    moved = CASES[case][1](given | {"target": depth}, KEYS[0])
    assert moved["target"].dtype == "float32"
    shades = np.clip(moved["target"] / 4, 0, 255)
    np.testing.assert_allclose(shades, moved["image"], atol=2)


def test_a_pipeline_knows_the_sizes_and_gives_the_same():
    stage = functools.partial(random_scale_crop, size=SIZE)
    for format, crop in (CASES["inception"], ("PNG", functools.partial(staged_crop, stage=stage))):
        given = {name: tf.convert_to_tensor(values) for name, values in sample_of(format).items()}
        keys = tf.data.Dataset.from_tensor_slices(KEYS)
        plain = tf.autograph.experimental.do_not_convert(crop)  # converting takes seconds
        samples = keys.map(functools.partial(plain, given))
        assert samples.element_spec["image"].shape == (*SIZE, 3)
        assert samples.element_spec["mask"].shape == SIZE
        for key, moved in zip(KEYS, samples.take(3).as_numpy_iterator(), strict=False):
            for name, values in crop(given, key).items():
                np.testing.assert_array_equal(moved[name], values)


def test_a_size_has_one_or_two_sides():
    for size in ((9, 9, 9), 0, 2.5):
        with pytest.raises(UserError, match="one or two integers from 1: received size="):
            inception_crop(b"", KEYS[0], size=size)
