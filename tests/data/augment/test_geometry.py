import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_vit.data.augment import random_affine, random_crop, random_flip, random_turn, uniform
from keras_vit.errors import UserError

BLOB = np.zeros((1, 33, 33, 1), "float32")
BLOB[0, 12:15, 20:23] = 255  # off the middle, (16, 16)


def middle_of(images):
    """Returns the centre of brightness of each image, `(B, 2)`, row and column."""
    images = np.asarray(images, "float64")[..., 0]
    rows, columns = np.mgrid[: images.shape[1], : images.shape[2]]
    total = images.sum((1, 2))
    return (
        np.stack([(images * rows).sum((1, 2)), (images * columns).sum((1, 2))], 1) / total[:, None]
    )


def test_nothing_asked_is_nothing_changed(keys):
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 6, 3)).astype("uint8")
    np.testing.assert_array_equal(random_affine(images, keys(3)), images)


def test_the_same_keys_give_the_same_images_eagerly_and_in_a_graph(keys):
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1)).astype("uint8")
    amounts = dict(degrees=20, shift=0.1, zoom=0.1, shear=10)
    eager = random_affine(images, keys(5), **amounts)
    assert eager.dtype == tf.uint8
    dataset = tf.data.Dataset.from_tensors(images)
    (graph,) = dataset.map(lambda x: random_affine(x, keys(5), **amounts))
    np.testing.assert_array_equal(eager, graph)
    assert (
        np.asarray(random_affine(images, keys(5, seed=1), **amounts)) != np.asarray(eager)
    ).any()


def test_shifts_are_uniform_within_their_bound(keys):
    moved = random_affine(np.repeat(BLOB, 4000, 0), keys(4000), shift=0.2)
    offset = middle_of(moved) - middle_of(BLOB)
    bound = 0.2 * 33
    assert np.abs(offset).max() <= bound + 0.05
    np.testing.assert_allclose(offset.mean(0), 0, atol=5 * bound / np.sqrt(3 * 4000))
    np.testing.assert_allclose(offset.std(0), bound / np.sqrt(3), rtol=0.05)


def test_rotation_turns_around_the_middle_by_at_most_its_bound(keys):
    moved = random_affine(np.repeat(BLOB, 500, 0), keys(500), degrees=30)
    before, after = middle_of(BLOB)[0] - 16, middle_of(moved) - 16
    np.testing.assert_allclose(np.hypot(*after.T), np.hypot(*before), atol=0.1)
    angles = np.degrees(np.arctan2(after[:, 0], after[:, 1]) - np.arctan2(*before))
    assert 28 < np.abs(angles).max() <= 30.5
    assert angles.min() < -25 and angles.max() > 25


def test_zoom_scales_distances_from_the_middle(keys):
    moved = random_affine(np.repeat(BLOB, 500, 0), keys(500), zoom=0.25)
    before, after = middle_of(BLOB)[0] - 16, middle_of(moved) - 16
    factors = np.hypot(*after.T) / np.hypot(*before)
    assert 0.74 <= factors.min() < 0.78
    assert 1.22 < factors.max() <= 1.26


def test_shear_moves_columns_in_proportion_to_rows(keys):
    moved = random_affine(np.repeat(BLOB, 500, 0), keys(500), shear=20)
    before, after = middle_of(BLOB)[0] - 16, middle_of(moved) - 16
    np.testing.assert_allclose(after[:, 0], before[0], atol=0.05)
    slopes = (after[:, 1] - before[1]) / before[0]
    assert 0.33 < np.abs(slopes).max() <= np.tan(np.radians(20)) + 0.01


def test_a_rotation_equals_pillows(keys):
    image = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 1)).astype("uint8")
    bound = 40
    ours = np.asarray(random_affine(image, keys(1), degrees=bound))[0, ..., 0]
    angle = bound * (2 * uniform(keys(1), 1).numpy().item() - 1)
    theirs = Image.fromarray(image[0, ..., 0]).rotate(angle, Image.Resampling.BILINEAR)
    inside = (slice(4, 12), slice(4, 12))  # away from the border, which the two fill differently
    difference = np.abs(ours[inside].astype(int) - np.asarray(theirs)[inside])
    assert difference.max() <= 2, angle


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_move_together(keys, channels):
    image = np.repeat(BLOB, channels, axis=-1)
    moved = np.asarray(random_affine(image, keys(1), degrees=30, shift=0.1))
    assert (moved == moved[..., :1]).all()


def test_half_of_the_images_are_mirrored_whole(keys):
    images = np.random.default_rng(0).integers(0, 256, (2000, 4, 6, 3)).astype("uint8")
    flipped = np.asarray(random_flip(images, keys(2000)))
    mirrored = (flipped == images[:, :, ::-1]).all((1, 2, 3))
    kept = (flipped == images).all((1, 2, 3))
    assert (mirrored ^ kept).all()
    assert mirrored.mean() == pytest.approx(0.5, abs=0.05)  # four standard errors
    np.testing.assert_array_equal(random_flip(images, keys(2000)), flipped)
    assert (np.asarray(random_flip(images, keys(2000, seed=1))) != flipped).any()


def test_a_crop_shifts_by_whole_pixels_each_shift_as_often(keys):
    image = np.arange(1, 26, dtype="uint8").reshape(1, 5, 5, 1)
    moved = np.asarray(random_crop(np.repeat(image, 9000, 0), keys(9000), padding=1))
    padded = np.pad(image[0, ..., 0], 1)
    shifts = np.stack([padded[y : y + 5, x : x + 5] for y in range(3) for x in range(3)])
    matches = (moved[:, None, ..., 0] == shifts).all((2, 3))
    assert (matches.sum(1) == 1).all()
    np.testing.assert_allclose(matches.mean(0), 1 / 9, atol=0.015)  # four standard errors


def test_square_images_turn_in_eight_ways(keys, shares):
    image = np.random.default_rng(0).integers(0, 256, (1, 5, 5, 3), dtype="uint8")
    turned = np.asarray(random_turn(np.repeat(image, 800, axis=0), keys(800)))
    ways = [np.rot90(each, count, (1, 2)) for each in (image, image[:, ::-1]) for count in range(4)]
    counts = [(turned == way).all((1, 2, 3)).sum() for way in ways]
    assert sum(counts) == 800 and min(counts) > 60


def test_a_mask_and_a_box_turn_with_the_image(keys):
    mask = np.zeros((40, 8, 8), "uint8")
    mask[:, 1:3, 2:7] = 1
    boxes = np.tile(np.float32([2, 1, 7, 3]), (40, 1, 1))
    sample = {"image": mask[..., None], "mask": mask, "boxes": boxes}
    moved = {name: np.asarray(each) for name, each in random_turn(sample, keys(40)).items()}
    np.testing.assert_array_equal(moved["image"][..., 0], moved["mask"])
    for mask, (left, top, right, bottom) in zip(
        moved["mask"], moved["boxes"][:, 0].astype(int), strict=True
    ):
        assert mask[top:bottom, left:right].all() and mask.sum() == 10
    assert len(np.unique(moved["boxes"], axis=0)) > 4


def test_images_that_are_not_square_are_not_turned(keys):
    with pytest.raises(UserError, match="Only square pictures .* received 4x6 pixels"):
        random_turn(np.zeros((1, 4, 6, 3), "uint8"), keys(1))
