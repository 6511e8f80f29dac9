import numpy as np
import pytest
import tensorflow as tf

from keras_vit.data import EncodedSplit, Source, Split, draw, from_arrays, train_batches
from keras_vit.data.augment import mix
from keras_vit.data.labels import explain_labels, one_hot
from keras_vit.errors import UserError

PIXELS = np.zeros((4, 2, 2, 1), "uint8")


@pytest.mark.parametrize("wrong", [3, -1, 2**40])
def test_a_label_that_is_no_class_never_becomes_a_target(wrong):
    keys = tf.zeros(4, tf.uint64)
    labels = np.array([0, 1, wrong, 2])
    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"(?s)lie in \[0, 3\).*{wrong}"):
        mix(PIXELS, labels, keys, num_classes=3, mixup=1.0)
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"{wrong}"):
        one_hot(labels, 3)
    images = tf.data.Dataset.from_tensors((PIXELS, labels, keys))
    for options in ({}, {"mixup": 1.0}):
        mixed = images.map(lambda *batch, o=options: mix(*batch, num_classes=3, **o))
        message = rf"^Labels must lie in \[0, 3\): received {wrong}, which belongs to no class"
        with pytest.raises(UserError, match=message), explain_labels():
            list(mixed)


def test_other_errors_are_not_explained_away():
    with pytest.raises(tf.errors.InvalidArgumentError, match="other"), explain_labels():
        tf.debugging.Assert(False, ["some other error, received 3"])


def test_a_step_compiled_by_xla_takes_targets_too():
    targets = tf.function(lambda labels: one_hot(labels, 3), jit_compile=True)
    np.testing.assert_array_equal(targets(tf.constant([2, 0])), np.eye(3)[[2, 0]])
    assert one_hot(tf.zeros([0], tf.uint8), 1000).shape == (0, 1000)


@pytest.mark.parametrize("labels", [np.zeros(4, "float32"), np.zeros((4, 1), int), np.array(0)])
def test_targets_are_made_of_a_row_of_integers(labels):
    with pytest.raises(ValueError, match=r"must be integers \(B,\): received"):
        mix(PIXELS, labels, tf.zeros(4, tf.uint64), num_classes=3)


@pytest.mark.parametrize(
    "labels, message",
    [
        ([0, 1, 2.5, 0], "must be integers: received float64"),
        (np.zeros(4), "must be integers: received float64"),
        ([True, False, True, True], "must be integers: received bool"),
        (["a", "b", "a", "a"], "must be integers: received <U1"),
        ([0, -1, 0, 0], "must not be negative: received -1"),
        ([0, 1, 0], r"4 images and labels of shape \(3,\)"),
        ([[0], [1], [0], [1]], r"4 images and labels of shape \(4, 1\)"),
    ],
)
def test_labels_in_memory_are_checked(labels, message):
    with pytest.raises(UserError, match=message):
        Split.in_memory(PIXELS, labels)


def test_a_source_refuses_labels_without_a_name():
    held = Split.in_memory(PIXELS, [0, 1, 2, 0])
    small = dict(train=held.resized(4), test=draw(held, 3, seed=0))
    np.testing.assert_array_equal(small["train"].labels, [0, 1, 2, 0])
    np.testing.assert_array_equal(small["test"].labels, small["test"].read(np.arange(3))["label"])
    files = EncodedSplit(4, None, str, np.array([0, 1, 2, 0]))
    for split in (held, files, held.resized(4)):
        with pytest.raises(
            UserError, match=r"\[0, 2\), a name for each: received 2 in test of pet"
        ):
            Source("pets", ("a", "b"), {"test": split})
    Source("pets", ("a", "b", "c"), {"train": held, "test": files})


def test_numbers_with_gaps_are_no_names_of_classes():
    with pytest.raises(
        UserError, match="all integers from 0 to K - 1: received 3 of 0 to 60100234"
    ):
        from_arrays((PIXELS, [0, 1, 0, 60100234]), (PIXELS, [0, 1, 0, 1]))
    source = from_arrays((PIXELS, [0, 1, 0, 1]), (PIXELS, [2, 1, 0, 1]))
    assert source.class_names == ("0", "1", "2")


@pytest.mark.parametrize("name", ["caf\udce9", "two\nlines", "", None])
def test_names_of_classes_are_text(name):
    with pytest.raises(UserError, match="UTF-8, on one line: received .* in pets") as error:
        Source("pets", ("a", name), {"train": Split.in_memory(PIXELS, [0, 1, 0, 1])})
    str(error.value).encode()


def test_a_stream_of_training_stops_at_a_label_that_is_no_class():
    split = Split.in_memory(PIXELS, [0, 1, 2, 0])
    stage = lambda *batch: mix(*batch, num_classes=2)  # noqa: E731
    batches = train_batches(split, batch_size=4, seed=0, mix=stage)
    with pytest.raises(UserError, match="received 2"), explain_labels():
        next(batches.as_numpy_iterator())
