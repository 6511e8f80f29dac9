"""Samples with more than a label, and with less, from their source to a batch."""

import numpy as np
import pytest
import tensorflow as tf

from keras_vit.data import (
    EncodedSplit,
    SequentialSplit,
    Split,
    centre_crop,
    eval_batches,
    fitted_batches,
    train_batches,
)
from keras_vit.data.augment import random_flip
from keras_vit.data.broken import why_broken
from keras_vit.data.sample import check_sample
from keras_vit.images.preprocessing import Preprocessing

COUNT = 6
SHADES = np.random.default_rng(0).integers(0, 256, (COUNT, 8, 8, 1)).astype("uint8")
IMAGES = np.repeat(SHADES, 3, axis=-1)
WHOLE = {
    "image": IMAGES,
    "mask": SHADES[..., 0],
    "boxes": np.tile(np.float32([1, 2, 4, 5]), (COUNT, 1, 1)),
    "box_labels": np.arange(COUNT)[:, None],
    "target": 255 - IMAGES,
    "weight": np.linspace(0, 1, COUNT, dtype="float32"),
}
ENCODED = WHOLE | {
    name: np.array([tf.io.encode_png(image).numpy() for image in WHOLE[name]])
    for name in ("image", "target")
}
BARE = {"image": ENCODED["image"]}


def crop(sample, key):
    return centre_crop(sample, key, preprocessing=Preprocessing(image_size=8))


def read(arrays):
    return lambda index: {name: tf.gather(values, index) for name, values in arrays.items()}


PIXELS = Split.in_memory(IMAGES, **{name: WHOLE[name] for name in WHOLE if name != "image"})
SPLITS = [
    (PIXELS, None),
    (EncodedSplit(COUNT, read(ENCODED), str), crop),
    (SequentialSplit(COUNT, lambda **_: tf.data.Dataset.from_tensor_slices(ENCODED)), crop),
]


def assert_true(batch):
    """Checks that what belongs together still does: masks show their image, boxes move with it."""
    np.testing.assert_array_equal(batch["mask"], batch["image"][..., 0])
    np.testing.assert_array_equal(batch["target"], 255 - batch["image"])
    np.testing.assert_allclose(batch["weight"], batch["box_labels"][:, 0] / (COUNT - 1))
    flipped = (batch["image"] != IMAGES[batch["box_labels"][:, 0]]).any((1, 2, 3))
    boxes = np.where(flipped[:, None], [4, 2, 7, 5], [1, 2, 4, 5])
    np.testing.assert_array_equal(batch["boxes"][:, 0], boxes)


@pytest.mark.parametrize("split, crop", SPLITS, ids=["pixels", "encoded", "sequential"])
def test_masks_and_boxes_reach_the_batch_as_they_moved(split, crop):
    how = dict(batch_size=COUNT, crop=crop, example=dict)
    (batch,) = eval_batches(split, **how).as_numpy_iterator()
    assert set(batch) == set(WHOLE)
    assert_true(batch)
    np.testing.assert_array_equal(batch["box_labels"][:, 0], np.arange(COUNT))
    batch = next(train_batches(split, seed=0, augment=random_flip, **how).as_numpy_iterator())
    assert_true(batch)
    assert len(np.unique(batch["boxes"][:, 0, 0])) == 2


def test_images_in_memory_are_resized_with_their_masks():
    four = Preprocessing(image_size=4)
    (batch,) = fitted_batches(PIXELS, four, batch_size=COUNT, example=dict).as_numpy_iterator()
    assert batch["image"].shape == (COUNT, 4, 4, 3) and batch["mask"].shape == (COUNT, 4, 4)
    np.testing.assert_array_equal(batch["boxes"][:, 0], [[0.5, 1, 2, 2.5]] * COUNT)


def test_what_a_model_is_trained_on_is_made_of_samples_at_the_end():
    def example(sample):
        return sample["image"], sample["mask"], tf.ones_like(sample["mask"])

    x, y, weights = next(iter(train_batches(PIXELS, batch_size=2, seed=0, example=example)))
    assert x.shape == (2, 8, 8, 3) and y.shape == weights.shape == (2, 8, 8)


def test_pictures_without_labels_are_read_but_train_no_classifier():
    split = EncodedSplit(COUNT, read(BARE), str)
    how = dict(batch_size=4, seed=0, crop=crop)
    images = next(iter(train_batches(split, example=lambda sample: sample["image"], **how)))
    assert images.shape == (4, 8, 8, 3)
    with pytest.raises(ValueError, match="must have labels: received samples with image"):
        train_batches(split, **how)


@pytest.mark.parametrize(
    "sample, message",
    [
        ((IMAGES, 0), "received tuple"),
        ({"label": 0}, r"received \['label'\]"),
        ({"image": IMAGES, "labels": 0}, r"received \['image', 'labels'\]"),
    ],
)
def test_a_sample_has_an_image_and_known_keys(sample, message):
    rule = "must be a dict with `image` or `clip`, and any of"
    with pytest.raises(ValueError, match=f"{rule}.*{message}"):
        check_sample(sample)
    with pytest.raises(ValueError, match=message):
        eval_batches(Split(COUNT, lambda _: sample, (8, 8, 3)), batch_size=2)


def test_pixels_are_not_what_is_broken():
    bytes_and_pixels = {"image": ENCODED["image"], "mask": WHOLE["mask"], "target": WHOLE["target"]}
    for arrays in (bytes_and_pixels, {"clip": IMAGES[:, None]}):
        split = EncodedSplit(COUNT, read(arrays), str)
        assert why_broken(split, 0) == "TensorFlow cannot decode it."
    split = EncodedSplit(COUNT, read(ENCODED | {"target": np.array([b"text"] * COUNT)}), str)
    assert why_broken(split, 0) == "The picture is no image."
