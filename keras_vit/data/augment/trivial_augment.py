"""TrivialAugment: one operation per image, of random strength."""

import tensorflow as tf

from keras_vit.data.augment.affine import rotate, shear_x, shear_y, translate_x, translate_y
from keras_vit.data.augment.colour import saturation
from keras_vit.data.augment.dispatch import dispatch, keep
from keras_vit.data.augment.keys import uniform
from keras_vit.data.augment.samples import image_only
from keras_vit.data.augment.sharpness import sharpness
from keras_vit.data.augment.strength import around_one, either_way, growing, plain, random_signs
from keras_vit.data.augment.tone import (
    autocontrast,
    brightness,
    contrast,
    equalize,
    posterize,
    solarize,
)

WIDE = (  # table 1, the row "Wide"
    keep,
    plain(autocontrast),
    plain(equalize),
    either_way(rotate, 135),
    either_way(shear_x, 0.99),
    either_way(shear_y, 0.99),
    either_way(translate_x, 32),  # pixels, whatever the size of the image
    either_way(translate_y, 32),
    growing(posterize, lambda strengths: 8 - tf.round(6 * strengths)),
    growing(solarize, lambda strengths: 255 * (1 - strengths)),
    *(around_one(change, 0.99) for change in (saturation, contrast, brightness, sharpness)),
)


@image_only
def trivial_augment(images, keys):
    """Changes each of the images `(B, H, W, C)` by one random operation of a random strength.

    TrivialAugmentWide of "TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation"
    (arXiv:2103.10158, section 3): 14 operations and 31 strengths, all equally likely. Interpolation
    is bilinear.

    Args:
        images: uint8 batch.
        keys: One per image, uint64 `(B,)`.

    Returns:
        A batch of the same shape and dtype.
    """
    draws = uniform(keys, 3)
    choices = tf.cast(draws[:, 0] * len(WIDE), tf.int32)
    strengths = tf.floor(draws[:, 1] * 31) / 30
    signs = random_signs(draws[:, 2])
    return dispatch(choices, WIDE, tf.convert_to_tensor(images), strengths, signs)
