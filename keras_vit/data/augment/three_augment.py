"""3-Augment: makes each image grey, solarizes it or blurs it."""

import tensorflow as tf

from keras_vit.data.augment.colour import grayscale
from keras_vit.data.augment.dispatch import dispatch
from keras_vit.data.augment.keys import uniform
from keras_vit.data.augment.samples import photometric
from keras_vit.data.augment.sharpness import gaussian_blur
from keras_vit.data.augment.tone import solarize


@photometric
def three_augment(images, keys):
    """Makes each of the images `(B, H, W, C)` grey, solarizes it from 128 on, or blurs it.

    Each change has the probability 1/3. "DeiT III: Revenge of the ViT" (arXiv:2204.07118, section
    3.2); there, `colour_jitter` of 0.3 follows as another stage. The standard deviation of the blur
    is uniform from 0.1 to 2 pixels, as in the authors' code.

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
