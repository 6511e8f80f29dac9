"""How datasets are mapped; the orders themselves are tested by their streams."""

import pytest
import tensorflow as tf

from keras_vit.data.order import mapped

NUMBERS = tf.data.Dataset.range(4)


def halved(number):
    if number % 2 == 0:
        number = number // 2
    return number


def test_python_stays_as_it_is_but_for_a_tf_function():
    assert list(mapped(NUMBERS, tf.function(halved)).as_numpy_iterator()) == [0, 1, 1, 3]
    with pytest.raises(TypeError, match="tf.function"):
        mapped(NUMBERS, halved)
