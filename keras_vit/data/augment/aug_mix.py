"""AugMix: a mixture of several chains of operations and the image itself."""

import tensorflow as tf

from keras_vit.data.augment.affine import rotate, shear_x, shear_y, translate_x, translate_y
from keras_vit.data.augment.dispatch import dispatch, keep
from keras_vit.data.augment.keys import fold, uniform
from keras_vit.data.augment.quantile import beta
from keras_vit.data.augment.samples import image_only
from keras_vit.data.augment.strength import random_signs
from keras_vit.data.augment.tone import autocontrast, equalize, posterize, solarize


def _whole(amounts):
    """Truncates numbers towards 0."""
    return tf.cast(tf.cast(amounts, tf.int32), tf.float32)


# Levels are 0 to 10, signs -1 or 1. Outside the image is black, as in the authors' code.
OPERATIONS = (
    lambda images, levels, signs: autocontrast(images),
    lambda images, levels, signs: equalize(images),
    lambda images, levels, signs: posterize(images, 4 - _whole(0.4 * levels)),
    lambda images, levels, signs: rotate(images, signs * _whole(3 * levels)),
    lambda images, levels, signs: solarize(images, 256 - _whole(25.6 * levels)),
    lambda images, levels, signs: shear_x(images, signs * 0.03 * levels),
    lambda images, levels, signs: shear_y(images, signs * 0.03 * levels),
    lambda images, levels, signs: translate_x(
        images, signs * _whole(images.shape[2] / 30 * levels)
    ),
    lambda images, levels, signs: translate_y(
        images, signs * _whole(images.shape[1] / 30 * levels)
    ),
)


@image_only
def aug_mix(images, keys, *, severity=3, width=3, depth=3, alpha=1.0):
    """Mixes each of the images `(B, H, W, C)` with augmented copies of itself.

    "AugMix: A Simple Data Processing Method to Improve Robustness and Uncertainty"
    (arXiv:1912.02781, algorithm 1): `width` chains of 1 to `depth` of nine operations each. The
    weights of the chains are drawn from Dirichlet(alpha), the share of all copies from
    Beta(alpha, alpha). The paper's consistency loss is not included.

    Args:
        images: uint8 batch.
        keys: One per image, uint64 `(B,)`.
        severity: Largest level of an operation, up to 10; levels are uniform from 0.1 to this one.
        width: Number of chains.
        depth: Largest number of operations in a chain.
        alpha: Parameter of both distributions, above 0.

    Returns:
        A batch of the same shape and dtype.
    """
    images = tf.convert_to_tensor(images)
    shape = images.shape[1:]
    # All chains of all images together are one batch: B*width H W C.
    chains = tf.tile(tf.range(width), tf.shape(keys))
    chain_keys = fold(tf.repeat(keys, width), chains)
    copies = tf.repeat(images, width, axis=0)
    lengths = 1 + tf.cast(uniform(fold(chain_keys, 0), 1)[:, 0] * depth, tf.int32)
    for number in range(depth):
        draws = uniform(fold(chain_keys, 1 + number), 3)
        choices = tf.cast(draws[:, 0] * len(OPERATIONS), tf.int32)
        choices = tf.where(number < lengths, choices, len(OPERATIONS))
        levels = 0.1 + (severity - 0.1) * draws[:, 1]
        signs = random_signs(draws[:, 2])
        copies = dispatch(choices, (*OPERATIONS, keep), copies, levels, signs)

    share = beta(uniform(fold(keys, width), 1)[:, 0], alpha, alpha)[:, None]
    weights = share * _dirichlet(uniform(fold(keys, width + 1), width), alpha)
    copies = tf.cast(tf.reshape(copies, (-1, width, *shape)), tf.float32)
    mixed = tf.einsum("bn,bnhwc->bhwc", weights, copies)
    mixed += (1 - share)[..., None, None] * tf.cast(images, tf.float32)
    return tf.cast(tf.clip_by_value(mixed + 0.5, 0, 255), images.dtype)


def _dirichlet(draws, alpha):
    """Turns uniform numbers `(B, N)` into weights `(B, N)` of sum 1, by breaking a stick."""
    count = draws.shape[1]
    left, weights = tf.ones_like(draws[:, 0]), []
    for number in range(count - 1):
        piece = left * beta(draws[:, number], alpha, alpha * (count - 1 - number))
        weights.append(piece)
        left -= piece
    return tf.stack([*weights, left], axis=1)
