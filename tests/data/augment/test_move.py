"""One draw moves images, masks and boxes alike."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_vit.data import augment
from keras_vit.data.augment import VOID, as_one, chain
from keras_vit.errors import UserError
from keras_vit.images.preprocessing import Preprocessing

COUNT, HEIGHT, WIDTH = 24, 40, 56
FIT = Preprocessing(image_size=(30, 50), crop_ratio=0.9, interpolation="bilinear")
SQUASH = Preprocessing(image_size=(33, 25), fit="squash", crop_offset="floor")
AXIAL = {  # edges of a box stay upright
    "flip": augment.random_flip,
    "crop": functools.partial(augment.random_crop, padding=9),
    "zoom": functools.partial(augment.random_affine, zoom=0.3, shift=0.2),
    "scale crop": functools.partial(augment.random_scale_crop, size=(32, 44)),
    "place crop": functools.partial(augment.random_place_crop, size=(36, 40)),
    "small scale crop": functools.partial(
        augment.random_scale_crop, size=(48, 30), scale=(0.5, 0.6)
    ),
    "resized crop": functools.partial(augment.random_resized_crop, size=(24, 36)),
    "fitted": functools.partial(augment.fitted, preprocessing=FIT),
    "squashed": functools.partial(augment.fitted, preprocessing=SQUASH),
    "one of two": as_one(
        augment.random_flip, functools.partial(augment.random_scale_crop, size=32)
    ),
}
SLANTED = {
    "affine": functools.partial(augment.random_affine, degrees=20, shear=8, zoom=0.2, shift=0.1),
    "one of three": as_one(
        augment.random_flip,
        functools.partial(augment.random_affine, degrees=15),
        functools.partial(augment.random_scale_crop, size=(40, 36), scale=(0.7, 1.5)),
    ),
}
IN_PIPELINES = {
    name: (AXIAL | SLANTED)[name] for name in ("flip", "crop", "resized crop", "one of three")
}


def of(stages):
    return pytest.mark.parametrize("stage", stages.values(), ids=stages)


@pytest.fixture(scope="module")
def sample():
    """Pictures with two filled rectangles each, which are in the mask and in the boxes too."""
    rng = np.random.default_rng(0)
    mask = np.zeros((COUNT, HEIGHT, WIDTH), "uint8")
    boxes, labels = np.zeros((COUNT, 3, 4), "float32"), np.full((COUNT, 3), -1, "int64")
    for row in range(COUNT):
        for place, lefts in ((0, (0, 18)), (2, (28, 44))):  # place 1 has no box
            left, top = rng.integers(*lefts), rng.integers(0, 28)
            right, bottom = left + rng.integers(6, 10), top + rng.integers(6, 12)
            labels[row, place] = 1 + place
            boxes[row, place] = left, top, right, bottom
            mask[row, top:bottom, left:right] = 1 + place
    image = np.repeat(mask[..., None] * 80, 3, axis=-1)
    return {"image": image, "mask": mask, "boxes": boxes, "box_labels": labels}


def hull(pixels):
    rows, columns = np.nonzero(pixels)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


@of(AXIAL | SLANTED)
def test_a_box_is_the_hull_of_its_pixels(stage, sample, keys):
    moved = {name: np.asarray(values) for name, values in stage(sample, keys(COUNT)).items()}
    height, width = moved["mask"].shape[1:]
    assert moved["image"].shape[1:3] == (height, width)
    errors = []
    for mask, boxes, labels in zip(moved["mask"], moved["boxes"], moved["box_labels"], strict=True):
        assert labels[1] == -1
        np.testing.assert_array_equal(boxes[labels < 0], 0)
        for label, box in zip(labels, boxes, strict=True):
            at_edge = (box[:2] <= 0).any() or (box[2:] >= (width, height)).any()
            if label < 0 or (at_edge and stage in SLANTED.values()):
                continue  # what is left of a slanted box at an edge is smaller than its hull
            errors.append(box - hull(mask == label))
    assert len(errors) > COUNT / 2 and np.abs(errors).max() <= 1
    if stage in AXIAL.values():
        assert np.abs(np.mean(errors, axis=0)).max() < 0.2  # not half a pixel aside


@of(AXIAL | SLANTED)
def test_reading_then_moving_is_moving_then_reading(stage, sample, keys):
    """An image that holds the mask's numbers moves as the mask does, away from interpolation."""
    numbers = np.float32(sample["mask"])[..., None]
    moved = stage(sample | {"image": np.uint8(numbers)}, keys(COUNT))
    image, mask = np.asarray(moved["image"])[..., 0].astype(int), np.asarray(moved["mask"])
    assert set(np.unique(mask)) <= {0, 1, 3, VOID}
    # A pixel is plain if it and its neighbours are of one number; at the edge they are not seen.
    plain = np.pad(np.ones(mask[:, 2:, 2:].shape, bool), ((0, 0), (1, 1), (1, 1)))
    for y in (-1, 0, 1):
        for x in (-1, 0, 1):
            plain &= np.roll(mask, (y, x), (1, 2)) == mask
    assert plain.mean() > 0.5
    np.testing.assert_array_equal(image[plain], np.where(mask == VOID, 0, mask)[plain])


@pytest.mark.parametrize("stage", ["flip", "crop"])
def test_whole_pixels_of_image_and_mask_are_the_same(stage, sample, keys):
    moved = AXIAL[stage](sample, keys(COUNT))
    image, mask = np.asarray(moved["image"]), np.asarray(moved["mask"])
    np.testing.assert_array_equal(image[..., 0], np.where(mask == VOID, 0, 80 * mask))


@of(AXIAL | SLANTED)
def test_the_image_is_the_same_alone_and_with_others(stage, sample, keys):
    together = stage(sample, keys(COUNT))["image"]
    np.testing.assert_array_equal(stage(sample["image"], keys(COUNT)), together)
    alone = stage({"image": sample["image"], "label": np.arange(COUNT)}, keys(COUNT))
    assert set(alone) == {"image", "label"}
    np.testing.assert_array_equal(alone["image"], together)


@of(IN_PIPELINES)
def test_keys_alone_decide_eagerly_and_in_a_pipeline(stage, sample, keys):
    whole = stage(sample, keys(COUNT))
    other = stage(sample, keys(COUNT, seed=1))
    assert (np.asarray(other["mask"]) != np.asarray(whole["mask"])).any()
    batches = tf.data.Dataset.from_tensor_slices((sample, keys(COUNT))).batch(7)
    plain = tf.autograph.experimental.do_not_convert(stage)  # converting takes a second each
    batches = list(batches.map(plain).as_numpy_iterator())
    for name, values in whole.items():
        expected = np.asarray(values)
        parts = np.concatenate([each[name] for each in batches])
        assert parts.dtype == expected.dtype == sample[name].dtype
        if name == "boxes":
            np.testing.assert_allclose(parts, expected, atol=1e-4)
        else:
            np.testing.assert_array_equal(parts, expected)


def test_no_samples_are_moved_to_no_samples(sample, keys):
    empty = {name: values[:0] for name, values in sample.items()}
    moved = SLANTED["one of three"](empty, keys(0))
    assert moved["image"].shape == (0, 40, 36, 3) and moved["boxes"].shape == (0, 3, 4)
    nobody = sample | {"boxes": sample["boxes"][:, :0], "box_labels": sample["box_labels"][:, :0]}
    assert SLANTED["affine"](nobody, keys(COUNT))["boxes"].shape == (COUNT, 0, 4)


# Boxes and what is outside


def test_a_box_that_leaves_the_picture_is_cropped_and_then_dropped():
    def moved_by(pixels, **outside):
        here = augment.window(*tf.constant([[0.0], [pixels], [10], [10]]), (10, 10))
        return augment.move(
            {"boxes": [[[2.0, 3, 6, 5]]], "box_labels": np.array([[4]], "int32")}, here, **outside
        )

    assert moved_by(5.0)["boxes"].numpy().tolist() == [[[0, 3, 1, 5]]]  # a quarter is left
    assert moved_by(5.0)["box_labels"].numpy().tolist() == [[4]]
    for gone in (moved_by(5.0, least_area=0.26), moved_by(5.1), moved_by(6.0, least_area=0.0)):
        assert not gone["boxes"].numpy().any() and gone["box_labels"].numpy().tolist() == [[-1]]
    assert moved_by(5.9, least_area=0.0)["box_labels"].numpy().tolist() == [[4]]


@of(AXIAL | SLANTED)
def test_targets_and_all_frames_of_clips_move_as_images_do(stage, sample, keys):
    images, draws = np.asarray(sample["image"]), keys(COUNT)
    expected = np.asarray(stage(images, draws))
    moved = stage({"image": images, "target": images[..., :1]}, draws)
    np.testing.assert_array_equal(moved["image"], expected)
    np.testing.assert_array_equal(moved["target"], expected[..., :1])
    clip = np.stack([images, 255 - images], axis=1)
    frames = np.asarray(stage({"clip": clip, "label": np.arange(COUNT)}, draws)["clip"])
    np.testing.assert_array_equal(frames[:, 0], expected)
    np.testing.assert_array_equal(frames[:, 1], np.asarray(stage(255 - images, draws)))


@of(AXIAL | SLANTED)
@pytest.mark.parametrize("dtype", ["float16", "float32", "uint16"])
def test_targets_keep_their_dtype_and_range(stage, dtype, sample, keys):
    images, draws = np.asarray(sample["image"]), keys(COUNT)
    moved = stage({"image": images, "target": (4 * images.astype("int32")).astype(dtype)}, draws)
    assert moved["target"].dtype == dtype
    shades = np.asarray(moved["target"], "float32") / 4
    np.testing.assert_allclose(shades.clip(0, 255), moved["image"], atol=2)


def test_colours_of_all_frames_change_alike_and_a_targets_stay(sample, keys):
    images, draws = np.asarray(sample["image"]), keys(COUNT)
    for stage in (augment.three_augment, augment.rand_augment):
        expected = np.asarray(stage(images, draws))
        assert (expected != images).any()
        frames = np.asarray(stage({"clip": np.stack([images] * 3, axis=1)}, draws)["clip"])
        for frame in range(3):
            np.testing.assert_array_equal(frames[:, frame], expected)
    changed = augment.three_augment({"image": images, "target": images}, draws)
    np.testing.assert_array_equal(changed["target"], images)


def test_what_is_outside_can_be_chosen(keys):
    sample = {"image": np.ones((9, 8, 8, 1), "float32"), "mask": np.ones((9, 8, 8), "int32")}
    moved = augment.random_crop(sample, keys(9), padding=4, fill=7, void=-1)
    image, mask = np.asarray(moved["image"])[..., 0], np.asarray(moved["mask"])
    assert set(np.unique(mask)) == {-1, 1}
    np.testing.assert_array_equal(image, np.where(mask < 0, 7, 1))


def test_mistakes_are_one_sentence(sample, keys):
    signed = sample | {"mask": np.int8(sample["mask"])}
    with pytest.raises(UserError, match="must fit the masks, int8: received void=255"):
        augment.random_flip(signed, keys(COUNT))
    with pytest.raises(UserError, match="Views are made after all stages that move"):
        augment.random_flip(sample | {"views": sample["image"]}, keys(COUNT))
    with pytest.raises(UserError, match="rand_augment moves pixels of images only: .* target"):
        image = sample["image"]
        augment.rand_augment({"image": image, "target": image}, keys(COUNT))
    with pytest.raises(UserError, match="Pass void to `as_one`"):
        as_one(functools.partial(augment.random_flip, void=11))(sample, keys(COUNT))
    with pytest.raises(UserError, match="received three_augment"):
        as_one(augment.three_augment)(sample, keys(COUNT))


# Several as one


def test_moves_of_whole_pixels_as_one_are_those_of_a_chain(sample, keys):
    row = augment.random_flip, augment.random_flip
    one, each = as_one(*row)(sample, keys(COUNT)), chain(*row)(sample, keys(COUNT))
    for name in sample:
        np.testing.assert_array_equal(one[name], each[name])
    crop = functools.partial(augment.random_crop, padding=5)
    for name, values in as_one(crop)(sample, keys(COUNT)).items():
        np.testing.assert_array_equal(values, chain(crop)(sample, keys(COUNT))[name])


def test_a_crop_of_the_whole_picture_is_tensorflows_resize(picture, keys):
    stage = functools.partial(augment.random_resized_crop, size=(51, 70), area=(1.0, 1.0))
    ours = stage(picture, keys(1), aspect=(1.25, 1.2500001))
    theirs = tf.image.resize(picture, (51, 70))
    np.testing.assert_allclose(np.asarray(ours, "float32"), theirs, atol=0.51)
    mask = np.asarray(picture[..., 0])
    ours = stage({"mask": mask}, keys(1), aspect=(1.25, 1.2500001))["mask"]
    theirs = tf.image.resize(mask[..., None], (51, 70), "nearest")[..., 0]
    assert (np.asarray(ours) == np.asarray(theirs)).mean() > 0.99


def test_scales_and_places_are_uniform(keys):
    count = 3000
    sample = {"mask": np.ones((1, 20, 20), "uint8").repeat(count, 0)}
    moved = augment.random_scale_crop(sample, keys(count), size=50, scale=(0.5, 2.0))
    sides = [(np.asarray(moved["mask"]) == 1).any(axis).sum(1) for axis in (1, 2)]
    np.testing.assert_array_equal(*sides)
    assert 10 <= sides[0].min() <= 11 and 39 <= sides[0].max() <= 40
    assert sides[0].mean() == pytest.approx(25, abs=0.7)
    first = (np.asarray(moved["mask"]) == 1).any(1).argmax(1) + 0.5
    assert (first / (50 - sides[0] + 1)).mean() == pytest.approx(0.5, abs=0.03)
    same = augment.random_scale_crop(sample, keys(count), size=(20, 18), scale=(1, 1))
    assert (np.asarray(same["mask"]) == 1).all()


# Stages of images


def test_photometric_stages_change_the_image_alone(sample, keys):
    jitter = functools.partial(augment.colour_jitter, brightness=0.5)
    for stage in (jitter, augment.three_augment, augment.random_erasing):
        changed = stage(sample, keys(COUNT))
        np.testing.assert_array_equal(changed["image"], stage(sample["image"], keys(COUNT)))
        assert all(changed[name] is sample[name] for name in ("mask", "boxes", "box_labels"))


def test_stages_that_move_only_images_refuse_masks_and_boxes(sample, keys):
    layer = augment.layer_stage(keras.layers.RandomRotation(0.1))
    auto = functools.partial(augment.auto_augment, policy=augment.CIFAR10_POLICY)
    stages = (augment.rand_augment, augment.trivial_augment, auto, augment.aug_mix, layer)
    for stage in stages:
        with pytest.raises(UserError, match="of images only: received samples with mask and boxes"):
            stage(sample, keys(COUNT))
    few = {"image": sample["image"][:2], "label": np.arange(2)}
    changed = augment.trivial_augment(few, keys(2))
    assert changed["label"] is few["label"]
    np.testing.assert_array_equal(changed["image"], augment.trivial_augment(few["image"], keys(2)))
