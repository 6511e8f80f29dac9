import numpy as np
import pytest

from keras_vit.data import train_batches
from keras_vit.data.augment import random_flip
from keras_vit.data.check import check_source
from keras_vit.data.sources import describe_change, fingerprint, from_arrays
from keras_vit.errors import UserError

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


def test_masks_and_boxes_are_moved_and_resized_with_their_images():
    mask = np.zeros((4, 5, 6), "uint8")
    mask[:, 1:3, 2:5] = 7
    arrays = {
        "image": mask * 30,
        "mask": mask,
        "boxes": np.tile([[[2, 1, 5, 3], [0, 0, 0, 0]]], (4, 1, 1)),
        "box_labels": np.tile([[1, -1]], (4, 1)),
    }
    source = from_arrays(arrays, arrays, class_names=["a", "b"])
    assert str(source) == "arrays: 2 classes (a, b), 5x6x1 pixels, 4 train, 4 test"
    how = dict(batch_size=4, seed=0, augment=random_flip, example=dict)
    for split, scale in (
        (source.splits["train"], 1),
        (source.splits["train"].resized((10, 12)), 2),
    ):
        left = set()
        for batch in train_batches(split, **how).take(3).as_numpy_iterator():
            assert batch.keys() == arrays.keys()
            for image, ids, boxes, labels in zip(*map(batch.get, arrays), strict=True):
                if scale == 1:
                    np.testing.assert_array_equal(image[..., 0], ids * 30)
                rows, columns = np.nonzero(ids)
                hull = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
                np.testing.assert_allclose(boxes, [hull, [0] * 4], atol=1e-4)
                assert labels.tolist() == [1, -1] and hull[3] - hull[1] == 2 * scale
                left.add(int(hull[0]))
        assert left == {2 * scale, scale}
    assert check_source(from_arrays(arrays, arrays | {"image": GREY}, class_names="ab")).absent == [
        "a"
    ]


def test_names_belong_to_labels_then_to_boxes_and_masks_have_them_only_by_request():
    boxes = {"boxes": np.zeros((4, 1, 4)), "box_labels": np.array([[0], [-1], [1], [-1]])}
    mask = {"image": GREY, "mask": GREY % 3}
    assert from_arrays(mask, mask).class_names == ()
    assert from_arrays(mask, mask, class_names="abc").class_names == ("a", "b", "c")
    assert from_arrays(mask | boxes, mask | boxes).class_names == ("0", "1")
    both = mask | boxes | {"label": [0, 1, 2, 0]}
    assert from_arrays(both, both).class_names == ("0", "1", "2")
    before, after = (fingerprint(from_arrays(x, x)) for x in (mask, mask | {"mask": GREY % 2}))
    assert describe_change(before, after) is not None


@pytest.mark.parametrize(
    "more, message",
    [
        ({"mask": GREY[:3]}, r"mask \(N, H, W\), .*: received mask uint8 \(3, 5, 6\)"),
        ({"mask": GREY / 2}, "Classes must be integers: received mask of float64."),
        ({"boxes": np.zeros((4, 2, 5))}, r"received boxes float64 \(4, 2, 5\)"),
        ({"boxes": np.zeros((4, 2, 4))}, "go together: received boxes."),
        ({"box_labels": np.zeros((4, 2), int)}, r"received box_labels int64 \(4, 2\)"),
        ({"target": GREY}, r"received target uint8 \(4,"),
        ({"weight": np.ones(3)}, r"received weight float64 \(3,\)"),
        ({"clip": GREY[:, None]}, "received clip"),
        ({"masks": GREY}, "must be a dict with `image` or `clip`, and any of label, mask, boxes"),
    ],
)
def test_arrays_that_do_not_fit_are_a_sentence(more, message):
    with pytest.raises(UserError, match=message):
        from_arrays({"image": GREY, **more}, {"image": GREY, **more})


def test_clips_in_arrays_are_a_sentence():
    with pytest.raises(UserError, match="must have `image`: received clip."):
        from_arrays({"clip": GREY[:, None, ..., None]}, {"image": GREY})


def test_splits_of_other_keys_are_a_sentence():
    with pytest.raises(UserError, match="the same keys: received image, mask and image."):
        from_arrays({"image": GREY, "mask": GREY}, {"image": GREY})
