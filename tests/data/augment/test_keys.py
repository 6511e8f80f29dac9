import numpy as np
import pytest
import tensorflow as tf

from keras_vit.data.augment import example_keys, fold, uniform
from keras_vit.data.augment.keys import random_bytes

PINNED_KEYS = [10325816536137374975, 13933436865878481729, 8742606490176229375]
PINNED_STEPS = [[15289009, 16774780], [1549031, 5751515], [5294780, 1187268]]
PINNED_BYTES = [[137, 92, 253], [113, 137, 39], [94, 9, 178]]


def correlation(first, second):
    return np.corrcoef(np.ravel(first), np.ravel(second))[0, 1]


def test_the_stream_is_the_same_on_every_machine_and_in_every_release():
    keys = example_keys(7, tf.constant([0, 1, 2**40], tf.int64))
    assert keys.numpy().tolist() == PINNED_KEYS
    steps = (uniform(fold(keys, 3), 2).numpy() * 2**24).astype(int)
    assert steps.tolist() == PINNED_STEPS
    assert random_bytes(keys, 3).numpy().tolist() == PINNED_BYTES


def test_numbers_are_uniform_and_within_bounds(keys):
    draws = uniform(keys(20000), 5).numpy()
    assert draws.dtype == "float32" and draws.min() >= 0 and draws.max() < 1
    counts = np.stack([np.histogram(column, 20, (0, 1))[0] for column in draws.T])
    np.testing.assert_allclose(counts, 1000, atol=160)  # five standard errors


def test_bytes_are_uniform(keys):
    draws = random_bytes(keys(500), 203).numpy()
    assert draws.dtype == "uint8" and draws.shape == (500, 203)
    counts = np.bincount(draws.ravel(), minlength=256)
    np.testing.assert_allclose(counts, 500 * 203 / 256, atol=110)
    np.testing.assert_allclose(draws.mean(0), 127.5, atol=17)
    assert abs(correlation(draws[:, :-1], draws[:, 1:])) < 0.02


def test_more_numbers_of_a_key_begin_with_the_fewer(keys):
    np.testing.assert_array_equal(uniform(keys(4), 9)[:, :5], uniform(keys(4), 5))
    np.testing.assert_array_equal(random_bytes(keys(4), 20)[:, :5], random_bytes(keys(4), 5))


@pytest.mark.parametrize(
    "other",
    [
        lambda counters: example_keys(1, counters),
        lambda counters: example_keys(0, counters + 1),
        lambda counters: fold(example_keys(0, counters), 0),
        lambda counters: fold(fold(example_keys(0, counters), 0), 0),
        lambda counters: fold(example_keys(0, counters), counters),
    ],
    ids=["seed", "counter", "fold", "fold of a fold", "a fold per key"],
)
def test_other_keys_give_unrelated_numbers(keys, other):
    ours = uniform(keys(10000), 3)
    theirs = uniform(other(tf.range(10000, dtype=tf.int64)), 3)
    assert (np.asarray(ours) == np.asarray(theirs)).mean() < 1e-3
    assert abs(correlation(ours, theirs)) < 0.03  # five standard errors


def test_folds_differ_from_each_other(keys):
    families = [uniform(fold(keys(4000), number), 1) for number in range(4)]
    for first in range(4):
        for second in range(first):
            assert abs(correlation(families[first], families[second])) < 0.08


def test_numbers_of_one_key_are_unrelated(keys):
    draws = uniform(keys(10000), 4).numpy()
    off_diagonal = np.corrcoef(draws.T) - np.eye(4)
    assert np.abs(off_diagonal).max() < 0.05


def test_a_seed_may_be_a_tensor(keys):
    np.testing.assert_array_equal(
        example_keys(tf.constant(5, tf.int64), tf.range(3)), example_keys(5, tf.range(3))
    )
