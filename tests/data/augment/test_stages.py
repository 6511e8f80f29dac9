"""What every stage keeps."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from keras_vit.data import augment
from keras_vit.data.augment import CIFAR10_POLICY

STAGES = {
    "flip": augment.random_flip,
    "crop": functools.partial(augment.random_crop, padding=3),
    "affine": functools.partial(augment.random_affine, degrees=20, shift=0.1, zoom=0.1, shear=9),
    "rand": augment.rand_augment,
    "rand increasing": functools.partial(
        augment.rand_augment, num_ops=1, increasing=True, magnitude_std=0.5
    ),
    "auto": functools.partial(augment.auto_augment, policy=CIFAR10_POLICY),
    "trivial": augment.trivial_augment,
    "three": augment.three_augment,
    "mixed": functools.partial(augment.aug_mix, width=2, depth=2),
    "jitter": functools.partial(
        augment.colour_jitter, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1
    ),
    "erasing": functools.partial(augment.random_erasing, rate=0.7),
}
COUNT = 37


@pytest.fixture(params=STAGES.values(), ids=STAGES)
def stage(request):
    return request.param


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (COUNT, 12, 14, 3)).astype("uint8")


def test_an_image_depends_on_its_own_key_alone(stage, images, keys):
    whole = stage(images, keys(COUNT))
    assert whole.dtype == tf.uint8 and whole.shape == images.shape
    assert (np.asarray(whole) != images).any((1, 2, 3)).sum() > COUNT / 4
    parts = [stage(images[part], keys(COUNT)[part]) for part in (slice(11), slice(11, None))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    other = stage(images, keys(COUNT, seed=1))
    assert (np.asarray(other) != np.asarray(whole)).any()


def test_a_pipeline_gives_the_same_bytes(stage, images, keys):
    staged = augment.chain(stage)
    dataset = tf.data.Dataset.from_tensor_slices((images, keys(COUNT))).batch(20)
    mapped = dataset.map(staged)
    assert mapped.element_spec.shape.as_list() == [None, 12, 14, 3]
    np.testing.assert_array_equal(np.concatenate(list(mapped)), staged(images, keys(COUNT)))


def test_grey_images_and_no_images(stage, images, keys):
    grey = stage(images[..., :1], keys(COUNT))
    assert grey.dtype == tf.uint8 and grey.shape == (COUNT, 12, 14, 1)
    none = stage(images[:0], keys(0))
    assert none.dtype == tf.uint8 and none.shape == (0, 12, 14, 3)
