"""Mixtures of neighbouring examples: mixup, cutmix, and one or the other by chance."""

import functools

import tensorflow as tf

from keras_vit.data.augment.dispatch import dispatch
from keras_vit.data.augment.keys import fold, uniform
from keras_vit.data.augment.quantile import beta
from keras_vit.data.augment.rectangle import paste
from keras_vit.data.labels import one_hot
from keras_vit.errors import UserError


def mixup(images, others, keys, *, alpha):
    """Blends each of the images `(B, H, W, C)` with another, by a weight of Beta(alpha, alpha).

    "mixup: Beyond Empirical Risk Minimization" (arXiv:1710.09412, equation 1).

    Args:
        images: uint8 or float batch.
        others: Each image's partner, of the same shape and dtype.
        keys: One per image, uint64 `(B,)`.
        alpha: Above 0; the larger, the nearer the weights to one half.

    Returns:
        A batch of the same shape and dtype, and the own weight of each image, float32 `(B,)`.
    """
    weights = beta(uniform(keys, 1)[:, 0], alpha, alpha)
    share = weights[:, None, None, None]
    own, other = tf.cast(images, tf.float32), tf.cast(others, tf.float32)
    mixed = other + share * (own - other)
    if images.dtype.is_integer:
        mixed = mixed + 0.5
    return tf.cast(mixed, images.dtype), weights


def cutmix(images, others, keys, *, alpha):
    """Pastes a rectangle of another into each of the images `(B, H, W, C)`.

    "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features"
    (arXiv:1905.04899, equations 1 and 2): the rectangle's middle is anywhere, and what lies
    outside the image is cut off. The weight is the share of pixels that are the image's own.

    Args:
        images: uint8 or float batch.
        others: Each image's partner, of the same shape and dtype.
        keys: One per image, uint64 `(B,)`.
        alpha: Parameter of the Beta(alpha, alpha) distribution of the area kept.

    Returns:
        A batch of the same shape and dtype, and the own weight of each image, float32 `(B,)`.
    """
    height, width = images.shape[1:3]
    draws = uniform(keys, 3)
    side = tf.sqrt(1 - beta(draws[:, 0], alpha, alpha))

    def span(length, draw):
        half = tf.cast(side * length, tf.int32) // 2
        middle = tf.cast(draw * length, tf.int32)
        return tf.maximum(middle - half, 0), tf.minimum(middle + half, length)

    tops, bottoms = span(height, draws[:, 1])
    lefts, rights = span(width, draws[:, 2])
    area = tf.cast((bottoms - tops) * (rights - lefts), tf.float32)
    weights = 1 - area / (height * width)
    return paste(images, others, tops, bottoms, lefts, rights), weights


def mix(
    images,
    labels,
    keys,
    *,
    num_classes,
    mixup=0.0,
    cutmix=0.0,
    switch=0.5,
    rate=1.0,
    smoothing=0.0,
):
    """Mixes neighbours: images `(B, H, W, C)` and labels `(B,)` to images and labels `(B, K)`.

    The partner of image `2j` is `2j + 1` and the reverse, so that an even share of a batch is the
    same whoever computes it; an odd last one stays unmixed. Weights are drawn per image. Smoothing
    is timm's: `smoothing / K` everywhere, and the label gets the rest.

    Args:
        images: uint8 or float batch, in a random order.
        labels: Integers from 0 to K - 1.
        keys: One per image, uint64 `(B,)`.
        num_classes: K.
        mixup: Parameter alpha of mixup; 0 leaves it out.
        cutmix: Parameter alpha of cutmix; 0 leaves it out.
        switch: Share of cutmix where there are both.
        rate: Share of the images that are mixed.
        smoothing: Share of the label that is spread evenly over all classes.

    Returns:
        A batch of images of the same shape and dtype, and float32 labels that sum to 1.

    Raises:
        ValueError: If a number is out of its range, or the labels are not integers `(B,)`.
        tf.errors.InvalidArgumentError: When it runs, if a label does not lie in `[0, K)`.
    """
    shares = dict(switch=switch, rate=rate, smoothing=smoothing)
    if min(mixup, cutmix) < 0 or not all(0 <= share <= 1 for share in shares.values()):
        raise UserError(
            "`mixup` and `cutmix` must be at least 0, `switch`, `rate` and `smoothing` from 0 to "
            f"1: received mixup={mixup}, cutmix={cutmix}, {shares}."
        )
    images = tf.convert_to_tensor(images)
    targets = one_hot(labels, num_classes, smoothing)
    if not (mixup or cutmix):
        return images, targets
    count = tf.shape(images)[0]
    places = tf.range(count)
    partners = tf.minimum(tf.bitwise.bitwise_xor(places, 1), count - 1)
    draws = uniform(fold(keys, 0), 2)
    if mixup and cutmix:
        choices = 1 + tf.cast(draws[:, 0] < switch, tf.int32)
    else:
        choices = tf.fill([count], 1 if mixup else 2)
    mixed = (draws[:, 1] < rate) & (partners != places)
    branches = (
        lambda images, others, keys: (images, tf.ones_like(keys, tf.float32)),
        functools.partial(_MIXUP, alpha=mixup or 1.0),
        functools.partial(_CUTMIX, alpha=cutmix or 1.0),
    )
    images, weights = dispatch(
        tf.where(mixed, choices, 0), branches, images, tf.gather(images, partners), fold(keys, 1)
    )
    weights = weights[:, None]
    return images, weights * targets + (1 - weights) * tf.gather(targets, partners)


_MIXUP, _CUTMIX = mixup, cutmix  # `mix` has arguments of these names
