"""How datasets are mapped; the orders themselves are tested by their streams."""

import numpy as np
import pytest
import tensorflow as tf

from keras_vit.data.order import Order, mapped

NUMBERS = tf.data.Dataset.range(4)


def halved(number):
    if number % 2 == 0:
        number = number // 2
    return number


def test_python_stays_as_it_is_but_for_a_tf_function():
    assert list(mapped(NUMBERS, tf.function(halved)).as_numpy_iterator()) == [0, 1, 1, 3]
    with pytest.raises(TypeError, match="tf.function"):
        mapped(NUMBERS, halved)


@pytest.mark.parametrize("count", [300, 20_000])
def test_two_passes_put_examples_together_no_more_often_than_chance(count):
    order, size = Order(count, 1, seed=0), 60
    first, second = order.indices(tf.range(2 * count, dtype=tf.int64)).numpy().reshape(2, -1)
    batch = np.empty(count, int)
    batch[second] = np.arange(count) // size
    again = 0
    for start in range(0, count // size * size, size):
        together = np.unique(batch[first[start : start + size]], return_counts=True)[1]
        again += (together * (together - 1) // 2).sum()
    chance = count // size * size * (size - 1) / 2 * (size - 1) / (count - 1)
    assert 0.8 < again / chance < 1.2
