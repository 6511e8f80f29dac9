"""AutoAugment: one of 25 learned pairs of operations for each image."""

import tensorflow as tf

from keras_vit.data.augment.affine import rotate, shear_x, shear_y, translate_x, translate_y
from keras_vit.data.augment.colour import saturation
from keras_vit.data.augment.dispatch import dispatch, keep
from keras_vit.data.augment.keys import fold, uniform
from keras_vit.data.augment.samples import image_only
from keras_vit.data.augment.sharpness import sharpness
from keras_vit.data.augment.strength import (
    around_one,
    either_way,
    growing,
    plain,
    random_signs,
    shifted,
)
from keras_vit.data.augment.tone import (
    autocontrast,
    brightness,
    contrast,
    equalize,
    invert,
    posterize,
    solarize,
)

# The operations by their names in the paper, with the ranges of its table 6. A level is 0 to 9, and
# a strength is a ninth of it.
OPERATIONS = {
    "ShearX": either_way(shear_x, 0.3),
    "ShearY": either_way(shear_y, 0.3),
    "TranslateX": shifted(translate_x, 2, 150 / 331),  # 150 pixels of the paper's 331
    "TranslateY": shifted(translate_y, 1, 150 / 331),
    "Rotate": either_way(rotate, 30),
    "AutoContrast": plain(autocontrast),
    "Invert": plain(invert),
    "Equalize": plain(equalize),
    "Solarize": growing(solarize, lambda strengths: 255 * (1 - strengths)),
    "Posterize": growing(posterize, lambda strengths: 8 - tf.round(4 * strengths)),
    "Contrast": around_one(contrast, 0.9),
    "Color": around_one(saturation, 0.9),
    "Brightness": around_one(brightness, 0.9),
    "Sharpness": around_one(sharpness, 0.9),
}

CIFAR10_POLICY = (  # table 7: operation, probability, level; twice
    ("Invert", 0.1, 7, "Contrast", 0.2, 6),
    ("Rotate", 0.7, 2, "TranslateX", 0.3, 9),
    ("Sharpness", 0.8, 1, "Sharpness", 0.9, 3),
    ("ShearY", 0.5, 8, "TranslateY", 0.7, 9),
    ("AutoContrast", 0.5, 8, "Equalize", 0.9, 2),
    ("ShearY", 0.2, 7, "Posterize", 0.3, 7),
    ("Color", 0.4, 3, "Brightness", 0.6, 7),
    ("Sharpness", 0.3, 9, "Brightness", 0.7, 9),
    ("Equalize", 0.6, 5, "Equalize", 0.5, 1),
    ("Contrast", 0.6, 7, "Sharpness", 0.6, 5),
    ("Color", 0.7, 7, "TranslateX", 0.5, 8),
    ("Equalize", 0.3, 7, "AutoContrast", 0.4, 8),
    ("TranslateY", 0.4, 3, "Sharpness", 0.2, 6),
    ("Brightness", 0.9, 6, "Color", 0.2, 8),
    ("Solarize", 0.5, 2, "Invert", 0.0, 3),
    ("Equalize", 0.2, 0, "AutoContrast", 0.6, 0),
    ("Equalize", 0.2, 8, "Equalize", 0.6, 4),
    ("Color", 0.9, 9, "Equalize", 0.6, 6),
    ("AutoContrast", 0.8, 4, "Solarize", 0.2, 8),
    ("Brightness", 0.1, 3, "Color", 0.7, 0),
    ("Solarize", 0.4, 5, "AutoContrast", 0.9, 3),
    ("TranslateY", 0.9, 9, "TranslateY", 0.7, 9),
    ("AutoContrast", 0.9, 2, "Solarize", 0.8, 3),
    ("Equalize", 0.8, 8, "Invert", 0.1, 3),
    ("TranslateY", 0.7, 9, "AutoContrast", 0.9, 1),
)

IMAGENET_POLICY = (  # table 9
    ("Posterize", 0.4, 8, "Rotate", 0.6, 9),
    ("Solarize", 0.6, 5, "AutoContrast", 0.6, 5),
    ("Equalize", 0.8, 8, "Equalize", 0.6, 3),
    ("Posterize", 0.6, 7, "Posterize", 0.6, 6),
    ("Equalize", 0.4, 7, "Solarize", 0.2, 4),
    ("Equalize", 0.4, 4, "Rotate", 0.8, 8),
    ("Solarize", 0.6, 3, "Equalize", 0.6, 7),
    ("Posterize", 0.8, 5, "Equalize", 1.0, 2),
    ("Rotate", 0.2, 3, "Solarize", 0.6, 8),
    ("Equalize", 0.6, 8, "Posterize", 0.4, 6),
    ("Rotate", 0.8, 8, "Color", 0.4, 0),
    ("Rotate", 0.4, 9, "Equalize", 0.6, 2),
    ("Equalize", 0.0, 7, "Equalize", 0.8, 8),
    ("Invert", 0.6, 4, "Equalize", 1.0, 8),
    ("Color", 0.6, 4, "Contrast", 1.0, 8),
    ("Rotate", 0.8, 8, "Color", 1.0, 2),
    ("Color", 0.8, 8, "Solarize", 0.8, 7),
    ("Sharpness", 0.4, 7, "Invert", 0.6, 8),
    ("ShearX", 0.6, 5, "Equalize", 1.0, 9),
    ("Color", 0.4, 0, "Equalize", 0.6, 3),
    ("Equalize", 0.4, 7, "Solarize", 0.2, 4),
    ("Solarize", 0.6, 5, "AutoContrast", 0.6, 5),
    ("Invert", 0.6, 4, "Equalize", 1.0, 8),
    ("Color", 0.6, 4, "Contrast", 1.0, 8),
    ("Equalize", 0.8, 8, "Equalize", 0.6, 3),
)


@image_only
def auto_augment(images, keys, *, policy):
    """Changes each of the images `(B, H, W, C)` by one pair of operations of a learned policy.

    "AutoAugment: Learning Augmentation Policies from Data" (arXiv:1805.09501, section 3). The paper
    gives ranges but not how a level maps onto them. As in torchvision, level 0 changes nothing, the
    effect grows with the level, and contrast, colour, brightness and sharpness are raised or
    lowered at random. Interpolation is bilinear.

    Args:
        images: uint8 batch.
        keys: One per image, uint64 `(B,)`.
        policy: `CIFAR10_POLICY`, `IMAGENET_POLICY` or a sequence of such rows: operation,
            probability and level (0 to 9), twice.

    Returns:
        A batch of the same shape and dtype.
    """
    images = tf.convert_to_tensor(images)
    names = list(OPERATIONS)
    branches = (*OPERATIONS.values(), keep)
    rows = tf.cast(uniform(fold(keys, 2), 1)[:, 0] * len(policy), tf.int32)
    for place in range(2):
        columns = list(zip(*policy, strict=True))[3 * place : 3 * place + 3]
        operation = tf.gather(tf.constant([names.index(name) for name in columns[0]]), rows)
        rate = tf.gather(tf.constant(columns[1], tf.float32), rows)
        strengths = tf.gather(tf.constant(columns[2], tf.float32), rows) / 9
        draws = uniform(fold(keys, place), 2)
        choices = tf.where(draws[:, 0] < rate, operation, len(OPERATIONS))
        signs = random_signs(draws[:, 1])
        images = dispatch(choices, branches, images, strengths, signs)
    return images
