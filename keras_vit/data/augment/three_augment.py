"""3-Augment: grey, solarized or blurred."""

import tensorflow as tf

from keras_vit.data.augment.colour import grayscale
from keras_vit.data.augment.dispatch import dispatch
from keras_vit.data.augment.keys import uniform
from keras_vit.data.augment.sharpness import gaussian_blur
from keras_vit.data.augment.tone import solarize


def three_augment(images, keys):
    """Takes each image's colour, solarizes it (from 128) or blurs it: `(B, H, W, C)`, a third each.

    "DeiT III: Revenge of the ViT" (arXiv:2204.07118, section 3.2); `colour_jitter` of 0.3 follows
    there as a stage of its own. The blur's deviation is uniform from 0.1 to 2 pixels, as in the
    authors' code.

    Args:
        images: uint8 batch.
        keys: One per image, uint64 `(B,)`.

    Returns:
        A batch of the same shape and dtype.
    """
    draws = uniform(keys, 2)
    branches = (
        lambda images, _: grayscale(images),
        lambda images, _: solarize(images, tf.fill(tf.shape(images)[:1], 128)),
        lambda images, draws: gaussian_blur(images, 0.1 + 1.9 * draws, largest=2.0),
    )
    choices = tf.cast(draws[:, 0] * 3, tf.int32)
    return dispatch(choices, branches, tf.convert_to_tensor(images), draws[:, 1])
