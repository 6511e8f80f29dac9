import itertools

import numpy as np
import pytest
import tensorflow as tf

from keras_vit.data import Split, eval_batches, random_affine, train_batches

COUNT = 10
SPLIT = Split.in_memory(
    np.random.default_rng(0).integers(0, 256, (COUNT, 8, 8, 1)).astype("uint8"), np.arange(COUNT)
)


def augment(images, seed):
    return random_affine(images, seed, degrees=30, shift=0.1)


def take(count, **arguments):
    batches = train_batches(SPLIT, **{"batch_size": 4, "seed": 7, "augment": augment, **arguments})
    return [tuple(map(np.asarray, batch)) for batch in itertools.islice(batches, count)]


def assert_same(first, second):
    assert len(first) == len(second)
    for left, right in zip(first, second, strict=True):
        np.testing.assert_array_equal(left[0], right[0])
        np.testing.assert_array_equal(left[1], right[1])


def test_every_epoch_sees_every_example_once_in_an_order_of_its_own():
    labels = np.concatenate([batch[1] for batch in take(15)]).reshape(6, COUNT)
    np.testing.assert_array_equal(np.sort(labels, axis=1), np.tile(np.arange(COUNT), (6, 1)))
    assert len(np.unique(labels, axis=0)) == 6


def test_batches_are_uint8_images_with_their_own_labels():
    for images, labels in take(5, augment=None):
        assert images.dtype == np.uint8
        np.testing.assert_array_equal(images, SPLIT.read(labels)[0])


def test_a_seed_fixes_the_stream_and_another_changes_it():
    assert_same(take(5), take(5))
    assert any((a[1] != b[1]).any() for a, b in zip(take(5), take(5, seed=8), strict=True))


def test_the_stream_starts_at_any_step():
    whole = take(12)
    for start in (1, 2, 7):
        assert_same(take(12 - start, start_step=start), whole[start:])
    far = take(1, start_step=10**12)  # at no cost
    assert far[0][0].shape == (4, 8, 8, 1)


def test_the_stream_does_not_depend_on_parallelism():
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    options.autotune.enabled = False
    alone = train_batches(SPLIT, batch_size=4, seed=7, augment=augment).with_options(options)
    assert_same([tuple(map(np.asarray, b)) for b in alone.take(8)], take(8))


def test_the_augmentation_differs_from_step_to_step():
    one = Split.in_memory(np.asarray(SPLIT.read([0])[0]), [0])
    batches = train_batches(one, batch_size=1, seed=0, augment=augment).take(4)
    images = np.concatenate([np.asarray(image) for image, _ in batches]).reshape(4, -1)
    assert len(np.unique(images, axis=0)) == 4


def test_evaluation_reads_everything_once_in_order():
    batches = list(eval_batches(SPLIT, batch_size=4))
    assert [len(labels) for _, labels in batches] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([b[1] for b in batches]), np.arange(COUNT))
    np.testing.assert_array_equal(
        np.concatenate([b[0] for b in batches]), SPLIT.read(range(COUNT))[0]
    )


def test_a_batch_of_more_than_there_is_is_refused():
    with pytest.raises(ValueError, match="batch_size=11, 10 examples"):
        take(1, batch_size=11)


@pytest.mark.parametrize("build", [eval_batches, lambda s, **k: train_batches(s, seed=0, **k)])
def test_a_batch_of_nothing_is_refused(build):
    with pytest.raises(ValueError, match="batch_size=0"):
        build(SPLIT, batch_size=0)
