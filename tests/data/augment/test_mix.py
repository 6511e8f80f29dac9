import functools

import numpy as np
import pytest
import tensorflow as tf

from keras_vit.data.augment import mix

CLASSES = 5
COUNT = 4000
# Every image is of one value that tells its class: 50 times it.
LABELS = np.arange(COUNT, dtype="int64") * 3 % CLASSES
IMAGES = (50 * LABELS[:, None, None, None] + np.zeros((1, 12, 10, 3))).astype("uint8")
PARTNERS = LABELS[np.arange(COUNT) ^ 1]
OWN = np.eye(CLASSES, dtype="float32")
MIX = functools.partial(mix, num_classes=CLASSES)


def own_weights(labels):
    """Returns the weight of each image's own label; neighbours are of different classes."""
    return np.asarray(labels)[np.arange(COUNT), LABELS]


@pytest.mark.parametrize(
    "options",
    [{"mixup": 0.8}, {"cutmix": 1.0}, {"mixup": 0.8, "cutmix": 1.0, "rate": 0.7}],
    ids=["mixup", "cutmix", "both"],
)
def test_labels_travel_with_their_pixels(options, keys):
    images, labels = MIX(IMAGES, LABELS, keys(COUNT), **options)
    assert images.dtype == tf.uint8 and labels.dtype == tf.float32
    weights = own_weights(labels)
    np.testing.assert_allclose(
        labels, weights[:, None] * OWN[LABELS] + (1 - weights)[:, None] * OWN[PARTNERS], atol=1e-6
    )
    # The mean of the pixels is the mean of the labels, whatever the mixture.
    np.testing.assert_allclose(
        np.asarray(images).mean((1, 2, 3)), 50 * np.asarray(labels) @ np.arange(5), atol=0.51
    )


def test_cutmix_weights_are_the_pixels_kept(keys):
    images, labels = MIX(IMAGES, LABELS, keys(COUNT), cutmix=1.0)
    kept = (np.asarray(images) == IMAGES).all(3)
    np.testing.assert_allclose(own_weights(labels), kept.mean((1, 2)), atol=1e-6)
    pasted = ~kept
    assert (np.asarray(images)[pasted][:, 0] == (50 * PARTNERS)[pasted.nonzero()[0]]).all()
    spans = pasted.any(2).sum(1) * pasted.any(1).sum(1)
    np.testing.assert_array_equal(spans, pasted.sum((1, 2)))  # rectangles


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_mixup_weights_are_beta(alpha, keys):
    weights = own_weights(MIX(IMAGES, LABELS, keys(COUNT), mixup=alpha)[1])
    variance = 1 / 4 / (2 * alpha + 1)
    assert weights.mean() == pytest.approx(0.5, abs=4 * (variance / COUNT) ** 0.5)
    assert weights.var() == pytest.approx(variance, rel=0.08)


def test_the_box_of_cutmix_is_the_papers(keys):
    """By simulation of the paper's text, the mean and variance of the pixels kept."""
    rng = np.random.default_rng(0)
    side = np.sqrt(1 - rng.uniform(size=50000))
    kept = np.ones(50000)
    for length in (12, 10):
        half, middle = (side * length).astype(int) // 2, rng.integers(0, length, 50000)
        kept *= (np.minimum(middle + half, length) - np.maximum(middle - half, 0)) / length
    weights = own_weights(MIX(IMAGES, LABELS, keys(COUNT), cutmix=1.0)[1])
    assert weights.mean() == pytest.approx(1 - kept.mean(), abs=0.015)
    assert weights.std() == pytest.approx(kept.std(), rel=0.06)


def test_switch_and_rate_are_shares_of_the_images(keys):
    images, labels = MIX(IMAGES, LABELS, keys(COUNT), mixup=2.0, cutmix=2.0, switch=0.3, rate=0.6)
    values = np.asarray(images)[..., 0].astype(int)
    mixed = (values != IMAGES[..., 0]).any((1, 2))
    blended = mixed & (values == values[:, :1, :1]).all((1, 2))
    assert blended.mean() == pytest.approx(0.6 * 0.7, abs=0.04)
    assert (mixed & ~blended).mean() == pytest.approx(0.6 * 0.3, abs=0.03)
    np.testing.assert_array_equal(np.asarray(labels)[~mixed], OWN[LABELS[~mixed]])


@pytest.mark.parametrize("options", [{}, {"mixup": 1.0, "cutmix": 1.0, "rate": 0.0}])
def test_nothing_asked_is_hard_labels(options, keys):
    images, labels = MIX(IMAGES, LABELS, keys(COUNT), **options)
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(labels, OWN[LABELS])


def test_smoothing_is_timms(keys):
    labels = np.asarray(MIX(IMAGES, LABELS, keys(COUNT), smoothing=0.1)[1])
    np.testing.assert_allclose(labels, OWN[LABELS] * 0.9 + 0.02, atol=1e-6)
    mixed = np.asarray(MIX(IMAGES, LABELS, keys(COUNT), smoothing=0.1, mixup=1.0)[1])
    hard = np.asarray(MIX(IMAGES, LABELS, keys(COUNT), mixup=1.0)[1])
    np.testing.assert_allclose(mixed, hard * 0.9 + 0.02, atol=1e-6)
    np.testing.assert_allclose(mixed.sum(1), 1, atol=1e-6)


OPTIONS = dict(mixup=0.8, cutmix=1.0, smoothing=0.1)


def test_an_odd_last_image_is_left_alone(keys):
    images, labels = MIX(IMAGES[:3], LABELS[:3], keys(3), mixup=1.0)
    np.testing.assert_array_equal(images[2], IMAGES[2])
    np.testing.assert_array_equal(labels[2], OWN[LABELS[2]])
    assert (np.asarray(images[:2]) != IMAGES[:2]).any()


def test_even_shares_of_a_batch_are_mixed_as_the_whole(keys):
    whole = MIX(IMAGES[:30], LABELS[:30], keys(30), **OPTIONS)
    for part in (slice(12), slice(12, 30)):
        images, labels = MIX(IMAGES[part], LABELS[part], keys(30)[part], **OPTIONS)
        np.testing.assert_array_equal(images, whole[0][part])
        np.testing.assert_array_equal(labels, whole[1][part])


def test_a_pipeline_gives_the_same_bytes(keys):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (31, 12, 10, 1)).astype("uint8")
    dataset = tf.data.Dataset.from_tensor_slices((images, LABELS[:31], keys(31))).batch(31)
    ((mixed, labels),) = dataset.map(functools.partial(MIX, **OPTIONS))
    eager, eager_labels = MIX(images, LABELS[:31], keys(31), **OPTIONS)
    np.testing.assert_array_equal(mixed, eager)
    np.testing.assert_allclose(labels, eager_labels, atol=1e-6)


def test_floats_are_not_rounded(keys):
    images, labels = MIX(IMAGES / np.float32(255), LABELS, keys(COUNT), mixup=1.0)
    expected = 50 / 255 * np.asarray(labels) @ np.arange(5)
    np.testing.assert_allclose(images[:, 0, 0, 0], expected, atol=1e-5)


@pytest.mark.parametrize("wrong", [{"mixup": -1}, {"switch": 1.5}, {"smoothing": -0.1}])
def test_numbers_out_of_range_are_refused(wrong, keys):
    with pytest.raises(ValueError, match="from 0 to 1: received"):
        MIX(IMAGES[:2], LABELS[:2], keys(2), **wrong)
