import numpy as np
import pytest
import tensorflow as tf

from keras_vit.data.sources import EncodedSplit, SequentialSplit, Source, Split, digits


def test_digits_are_split_by_class_and_never_twice():
    source = digits()
    assert (
        str(source)
        == "digits: 10 classes (0, 1, 2, 3, 4, ...), 8x8x1 pixels, 1,437 train, 360 test"
    )
    images, labels = {}, {}
    for name, split in source.splits.items():
        sample = split.read(np.arange(split.count))
        images[name], labels[name] = sample["image"].numpy(), sample["label"].numpy()
    assert images["train"].dtype == np.uint8
    assert images["train"].min() == 0 and images["train"].max() == 255
    shares = [np.bincount(labels[name]) / len(labels[name]) for name in ("train", "test")]
    np.testing.assert_allclose(*shares, atol=0.003)
    together = np.concatenate([images["train"], images["test"]]).reshape(1797, -1)
    assert len(np.unique(together, axis=0)) == 1797


def test_digits_are_the_same_split_every_time():
    first, second = (digits().splits["test"].read([0, 100, 359]) for _ in range(2))
    np.testing.assert_array_equal(first["image"], second["image"])


def test_images_are_not_copied_into_the_graph_that_reads_them():
    split = Split.in_memory(np.zeros((1000, 32, 32, 3), "uint8"), np.zeros(1000, int))
    read = tf.function(split.read).get_concrete_function(tf.TensorSpec([None], tf.int64))
    assert read.graph.as_graph_def().ByteSize() < 10_000


def test_arrays_that_are_no_labelled_images_are_refused():
    with pytest.raises(ValueError, match="received float64"):
        Split.in_memory(np.zeros((2, 8, 8, 1)), [0, 1])
    with pytest.raises(ValueError, match="received 2 images and labels of shape"):
        Split.in_memory(np.zeros((2, 8, 8, 1), "uint8"), [0, 1, 2])


def test_a_source_says_what_it_holds_and_what_it_guarantees():
    files = EncodedSplit(1000, None, None)
    text = str(Source("pets", ("cat", "dog"), {"train": files, "test": files}))
    assert text == "pets: 2 classes (cat, dog), pictures of any size, 1,000 train, 1,000 test"
    row = SequentialSplit(1000, None)
    assert "the same seed gives the same order" in str(Source("pets", ("a", "b"), {"train": row}))


def test_what_is_not_needed_is_not_read():
    images, mask = np.zeros((3, 4, 4, 3), "uint8"), np.zeros((3, 4, 4), "uint8")
    held = Split.in_memory(images, [0, 1, 0], mask=mask)

    def read(index):
        return {"image": tf.constant(""), "label": index, "mask": tf.io.read_file("nowhere")}

    row = tf.data.Dataset.from_tensor_slices({"image": [""] * 3, "label": [0, 1, 0], "mask": mask})
    splits = {
        "held": held,
        "encoded": EncodedSplit(3, read, str, np.array([0, 1, 0])),
        "row": SequentialSplit(3, lambda seed, worker, workers: row),
    }
    source = Source("x", ("a", "b"), splits)
    labelled, masked = source.only(("label",)), source.only(("mask",))
    for name in splits:
        assert labelled.splits[name].keys == {"image", "label"}
        assert masked.splits[name].keys == {"image", "mask"} and masked.splits[name].labels is None
        assert type(labelled.splits[name]) is type(splits[name])
    assert labelled.class_names == ("a", "b") and masked.class_names == ()
    assert list(labelled.splits["held"].labels) == [0, 1, 0]
    assert source.only(("label", "mask")).splits["held"] is held
    each = tf.data.Dataset.range(3).map(labelled.splits["encoded"].read)
    assert [int(x["label"]) for x in each.as_numpy_iterator()] == [0, 1, 2]
