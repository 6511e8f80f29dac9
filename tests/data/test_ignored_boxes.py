"""Boxes that are ignored, from a source in memory through hold-out and augmentation."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from keras_vit.data import hold_out, train_batches
from keras_vit.data.augment import as_one, mosaic, random_flip, random_scale_crop
from keras_vit.data.ignored_boxes import class_of, ignored, is_ignored
from keras_vit.data.packed_boxes import packed_boxes
from keras_vit.data.sources import from_arrays

COUNT = 8


@pytest.mark.parametrize("kind", [np.array, tf.constant])
def test_a_label_says_the_class_and_whether_it_is_ignored(kind):
    labels = kind([0, 7, -1, -2, -9])
    assert np.asarray(class_of(labels)).tolist() == [0, 7, -1, 0, 7]
    assert np.asarray(is_ignored(labels)).tolist() == [False, False, False, True, True]
    assert np.asarray(ignored(kind([0, 7]))).tolist() == [-2, -9]
    assert ignored(3) == -5 and class_of(-5) == 3


def test_ignored_boxes_are_carried_to_the_example():
    """Each picture has a box in its left half, and an ignored one that covers it."""
    boxes = np.tile(
        np.array([(0, 0, 16, 16), (0, 0, 8, 16), (0, 0, 0, 0)], "float32"), (COUNT, 1, 1)
    )
    labels = np.tile([-3, 0, -1], (COUNT, 1))
    images = np.zeros((COUNT, 16, 16, 3), "uint8")
    arrays = {"image": images, "boxes": boxes, "box_labels": labels}
    source = hold_out(from_arrays(arrays, arrays), 0.25)
    assert source.class_names == ("0", "1")
    assert (source.splits["train"].count, source.splits["val"].count) == (6, 2)
    moved = as_one(random_flip, functools.partial(random_scale_crop, size=(16, 16)))
    for augment, places in ((random_flip, 3), (moved, 3), (mosaic, 12)):
        batches = train_batches(
            source.splits["train"],
            batch_size=4,
            seed=0,
            augment=augment,
            example=functools.partial(packed_boxes, num_classes=2),
        )
        packed = np.concatenate(list(batches.take(3).as_numpy_iterator()))
        assert packed.shape == (12, places, 5)
        assert set(packed[..., 4].ravel()) == {-3, -1, 0}
        if augment is random_flip:
            assert (packed[:, 0] == (0, 0, 16, 16, -3)).all()
            assert set(packed[:, 1, 0]) == {0, 8}
