import numpy as np
import pytest

from keras_vit.data.sources import from_arrays

GREY = np.arange(4 * 5 * 6, dtype="uint8").reshape(4, 5, 6)


def test_arrays_are_a_source():
    source = from_arrays((GREY, [0, 1, 2, 0]), (GREY[:2, ..., None], [[2], [1]]), name="grey")
    assert str(source) == "grey: 3 classes (0, 1, 2), 5x6x1 pixels, 4 train, 2 test"
    sample = source.splits["test"].read([1, 0])
    np.testing.assert_array_equal(sample["image"][..., 0], GREY[[1, 0]])
    assert sample["label"].numpy().tolist() == [1, 2]


@pytest.mark.parametrize(
    "labels, names, message",
    [
        ([0, 1, 2, 3], ["a", "b"], r"must lie in \[0, 2\), a name for each: received 3"),
        ([0, -1, 0, 0], None, "received -1"),
        ([0.5, 1, 1, 1], None, "must be integers: received float64"),
        ([0, 1], None, "received 4 images and labels of shape"),
    ],
)
def test_labels_that_do_not_fit_are_a_sentence(labels, names, message):
    with pytest.raises(ValueError, match=message):
        from_arrays((GREY, labels), (GREY, [0, 0, 1, 1]), class_names=names)


def test_splits_of_two_sizes_are_a_sentence():
    with pytest.raises(ValueError, match=r"must be of one size: received \[\(5, 5, 1\), \(5, 6, 1"):
        from_arrays((GREY, [0, 1, 0, 1]), (GREY[..., 1:], [0, 1, 0, 1]))
