import os

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from keras_vit.data import Split, digits, from_tfds


def test_digits_are_split_by_class_and_never_twice():
    source = digits()
    assert str(source) == "digits: 10 classes, 8x8x1 pixels, 1,437 train, 360 test"
    images, labels = {}, {}
    for name, split in source.splits.items():
        images[name], labels[name] = (x.numpy() for x in split.read(np.arange(split.count)))
    assert images["train"].dtype == np.uint8
    assert images["train"].min() == 0 and images["train"].max() == 255
    shares = [np.bincount(labels[name]) / len(labels[name]) for name in ("train", "test")]
    np.testing.assert_allclose(*shares, atol=0.003)
    together = np.concatenate([images["train"], images["test"]]).reshape(1797, -1)
    assert len(np.unique(together, axis=0)) == 1797


def test_digits_are_the_same_split_every_time():
    first, second = (digits().splits["test"].read([0, 100, 359]) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])


def test_images_are_not_copied_into_the_graph_that_reads_them():
    split = Split.in_memory(np.zeros((1000, 32, 32, 3), "uint8"), np.zeros(1000))
    read = tf.function(split.read).get_concrete_function(tf.TensorSpec([None], tf.int64))
    assert read.graph.as_graph_def().ByteSize() < 10_000


def test_arrays_that_are_no_labelled_images_are_refused():
    with pytest.raises(ValueError, match="received float64"):
        Split.in_memory(np.zeros((2, 8, 8, 1)), [0, 1])
    with pytest.raises(ValueError, match="received 2 images and labels of shape"):
        Split.in_memory(np.zeros((2, 8, 8, 1), "uint8"), [0, 1, 2])


def test_a_set_of_tfds_is_held_in_memory():
    with tfds.testing.mock_data(num_examples=5):
        source = from_tfds("cifar10")
    assert str(source) == "cifar10: 10 classes, 32x32x3 pixels, 5 train, 5 test"
    images, labels = source.splits["train"].read([0, 4])
    assert images.shape == (2, 32, 32, 3) and labels.dtype == "int64"


@pytest.mark.skipif("TFDS_DATA_DIR" not in os.environ, reason="TFDS_DATA_DIR names no real sets")
def test_real_cifar10():
    source = from_tfds("cifar10")
    assert str(source) == "cifar10: 10 classes, 32x32x3 pixels, 50,000 train, 10,000 test"
    assert source.class_names[:2] == ("airplane", "automobile")
    labels = source.splits["test"].read(np.arange(10_000))[1]
    np.testing.assert_array_equal(np.bincount(labels), 1000)


def test_a_set_that_cannot_be_used_is_a_sentence(tmp_path):
    with pytest.raises(ValueError, match="'no_such_set' of TFDS is not to be had: .+"):
        from_tfds("no_such_set", data_dir=tmp_path)
    with tfds.testing.mock_data(num_examples=2):
        with pytest.raises(ValueError, match="images of 'cats_vs_dogs' differ in size"):
            from_tfds("cats_vs_dogs")
        with pytest.raises(ValueError, match="'imdb_reviews' of TFDS is no image classification"):
            from_tfds("imdb_reviews")
