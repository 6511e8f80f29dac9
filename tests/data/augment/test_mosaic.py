"""Pictures from quarters of four, with their masks and boxes."""

import numpy as np
import pytest
import tensorflow as tf

from keras_vit.data.augment import example_keys, mosaic
from keras_vit.errors import UserError

KEYS = example_keys(3, tf.range(8, dtype=tf.int64))


def numbered(count=8, height=12, width=20):
    """Pictures whose pixels are their number, with a mask alike and the box of the whole."""
    pixels = np.broadcast_to(np.arange(count)[:, None, None], (count, height, width))
    boxes = np.zeros((count, 2, 4), "float32")
    boxes[:, 0] = 0, 0, width, height
    labels = np.stack([np.arange(count), np.full(count, -1)], axis=1)
    return {
        "image": np.repeat(pixels[..., None], 3, axis=-1).astype("uint8"),
        "mask": pixels.astype("uint8"),
        "boxes": boxes,
        "box_labels": labels,
    }


def test_quarters_are_those_of_the_group_with_masks_and_boxes_alike():
    sample = mosaic(numbered(), KEYS, least_area=0.0)
    image, meeting = sample["image"].numpy(), set()
    assert image.dtype == np.uint8 and sample["boxes"].shape == (8, 8, 4)
    np.testing.assert_array_equal(image[..., 0], sample["mask"])
    for place in range(8):
        corners = image[place][[0, 0, -1, -1], [0, -1, 0, -1], 0]
        assert corners.tolist() == [place, place ^ 1, place ^ 2, place ^ 3]
        boxes = sample["boxes"][place].numpy().astype(int)
        labels = sample["box_labels"][place].numpy()
        assert sorted(labels[labels >= 0]) == sorted(corners)
        covered = np.zeros((12, 20), int)
        for (left, top, right, bottom), label in zip(boxes, labels, strict=True):
            assert (image[place, top:bottom, left:right] == label).all()
            covered[top:bottom, left:right] += 1
        np.testing.assert_array_equal(covered, 1)
        meeting.add((boxes[0, 3], boxes[0, 2]))  # where the first quarter ends
    assert len(meeting) > 4
    assert all(3 <= row < 9 and 5 <= column < 15 for row, column in meeting)


def test_a_box_of_which_little_is_left_is_dropped():
    given = numbered()
    given["boxes"][:, 0] = 0, 0, 20, 4  # at the top: the quarters below have nothing of it
    sample = mosaic(given, KEYS, least_area=0.5)
    labels, boxes = sample["box_labels"].numpy(), sample["boxes"].numpy()
    sides = boxes[..., 2:] - boxes[..., :2]
    assert (labels[sides.prod(-1) < 40] == -1).all() and (labels >= 0).any()
    np.testing.assert_array_equal(boxes[labels < 0], 0)


def test_a_share_of_the_pictures_is_put_together():
    images = numbered()["image"]
    np.testing.assert_array_equal(mosaic(images, KEYS, rate=0.0), images)
    keys = example_keys(0, tf.range(400, dtype=tf.int64))
    many = np.tile(images, (50, 1, 1, 1))
    changed = (mosaic(many, keys, rate=0.25).numpy() != many).any((1, 2, 3)).mean()
    assert 0.18 < changed < 0.32


def test_a_part_of_whole_groups_is_as_in_the_batch():
    sample, half = numbered(), {name: array[4:] for name, array in numbered().items()}
    for name, array in mosaic(half, KEYS[4:]).items():
        np.testing.assert_array_equal(array, mosaic(sample, KEYS)[name][4:])


@pytest.mark.parametrize(
    "sample, rate, message",
    [
        (numbered(6), 1.0, "divisible by four: received 6"),
        (numbered(), 1.5, r"`rate` must lie in \[0, 1\]: received rate=1.5"),
        (numbered() | {"label": np.arange(8)}, 1.0, "received image, .*label"),
    ],
)
def test_what_cannot_be_is_a_sentence(sample, rate, message):
    with pytest.raises(UserError, match=message):
        mosaic(sample, KEYS[: len(sample["image"])], rate=rate)
