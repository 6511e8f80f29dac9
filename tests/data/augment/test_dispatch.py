import numpy as np
import tensorflow as tf

from keras_vit.data.augment.dispatch import dispatch, keep


def test_each_example_gets_the_branch_it_chose():
    values = tf.range(7)
    choices = tf.constant([2, 0, 1, 1, 0, 2, 2])
    branches = (keep, lambda values: values * 10, lambda values: -values)
    result = dispatch(choices, branches, values)
    np.testing.assert_array_equal(result, [0, 1, 20, 30, 4, -5, -6])


def test_a_branch_sees_its_own_examples_alone_and_once():
    seen = []

    def look(values, more):
        seen.append((values.numpy().tolist(), more.numpy().tolist()))
        return values

    dispatch(tf.constant([1, 0, 1]), (keep, look, look), tf.constant([5, 6, 7]), tf.range(3))
    assert seen == [([5, 7], [0, 2]), ([], [])]


def test_several_results_are_put_together():
    values, double = dispatch(
        tf.constant([0, 1, 0]), [lambda x: (x, 2 * x), lambda x: (-x, x)], tf.constant([1, 2, 3])
    )
    np.testing.assert_array_equal(values, [1, -2, 3])
    np.testing.assert_array_equal(double, [2, 2, 6])


def test_no_examples_are_no_results():
    result = dispatch(tf.zeros((0,), tf.int32), (keep, keep), tf.zeros((0, 3), tf.uint8))
    assert result.shape == (0, 3) and result.dtype == tf.uint8


def test_the_inner_shape_is_known_in_a_graph():
    @tf.function(input_signature=[tf.TensorSpec((None, 4, 5, 3), tf.uint8)])
    def change(images):
        changed = dispatch(tf.zeros(tf.shape(images)[:1], tf.int32), (keep, keep), images)
        assert changed.shape.as_list() == [None, 4, 5, 3]
        return changed

    assert change(np.zeros((2, 4, 5, 3), "uint8")).shape == (2, 4, 5, 3)
