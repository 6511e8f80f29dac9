"""Mixtures of neighbouring examples: mixup, cutmix, or one of them at random."""

import functools

import tensorflow as tf

from keras_vit.data.augment.dispatch import dispatch
from keras_vit.data.augment.keys import fold, uniform
from keras_vit.data.augment.quantile import beta
from keras_vit.data.augment.rectangle import paste
from keras_vit.data.labels import one_hot
from keras_vit.errors import UserError


def mixup(images, others, keys, *, alpha):
    """Blends each of the images `(B, H, W, C)` with another, by weights from Beta(alpha, alpha).

    "mixup: Beyond Empirical Risk Minimization" (arXiv:1710.09412, equation 1).

    Args:
        images: uint8 or float batch.
        others: The partner of each image, a batch of the same shape and dtype.
        keys: One per image, uint64 `(B,)`.
        alpha: Parameter of the distribution, above 0; a larger one draws weights nearer to 0.5.

    Returns:
        A batch of the same shape and dtype, and the weights of `images`, float32 `(B,)`; those of
        `others` are 1 minus these.
    """
    weights = beta(uniform(keys, 1)[:, 0], alpha, alpha)
    share = weights[:, None, None, None]
    own, other = tf.cast(images, tf.float32), tf.cast(others, tf.float32)
    mixed = other + share * (own - other)
    if images.dtype.is_integer:
        mixed = mixed + 0.5
    return tf.cast(mixed, images.dtype), weights


def cutmix(images, others, keys, *, alpha):
    """Pastes a rectangle of another image into each of the images `(B, H, W, C)`.

    "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features"
    (arXiv:1905.04899, equations 1 and 2): the middle of the rectangle is uniform in the image, and
    the rectangle is clipped to the image.

    Args:
        images: uint8 or float batch.
        others: The partner of each image, a batch of the same shape and dtype.
        keys: One per image, uint64 `(B,)`.
        alpha: Parameter of the Beta(alpha, alpha) distribution of the area kept, above 0.

    Returns:
        A batch of the same shape and dtype, and the share of pixels that are kept of each of
        `images`, float32 `(B,)`.
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
    class_weights=None,
):
    """Mixes neighbouring images `(B, H, W, C)` by mixup or cutmix, and their labels `(B,)`.

    Images `2j` and `2j + 1` are partners, so a worker with an even share of a batch needs no images
    of other workers; an odd last image stays unmixed. Weights are drawn for each image. Label
    smoothing is timm's: every class gets `smoothing / K`, and the label the rest in addition.

    Args:
        images: uint8 or float batch, in a random order.
        labels: Integers from 0 to K - 1.
        keys: One per image, uint64 `(B,)`.
        num_classes: K.
        mixup: Parameter alpha of mixup; 0 leaves it out.
        cutmix: Parameter alpha of cutmix; 0 leaves it out.
        switch: Share of the mixed images that get cutmix, where there are both.
        rate: Share of the images that are mixed.
        smoothing: Share of the label that is spread evenly over all classes.
        class_weights: What an example of each class counts, `K` numbers; its label, smoothed, is
            multiplied by that before it is mixed.

    Returns:
        A batch of images of the same shape and dtype, and labels `(B, K)`, float32, of sum 1; with
        `class_weights`, of the sum that the example counts, for
        `keras_vit.losses.WeightedCrossEntropy`.

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
    if class_weights is not None:
        targets *= tf.gather(tf.constant(class_weights, tf.float32), labels)[:, None]
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
