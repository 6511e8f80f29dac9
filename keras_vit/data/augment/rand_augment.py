"""RandAugment: several random operations in a row, all at one magnitude."""

from collections.abc import Callable

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
    solarize_add,
)
from keras_vit.errors import UserError

SAME = (  # in both lists
    plain(autocontrast),
    plain(equalize),
    either_way(rotate, 30),
    either_way(shear_x, 0.3),
    either_way(shear_y, 0.3),
    shifted(translate_x, 2, 0.45),  # timm's; the authors' 100 of 224 pixels are 0.446
    shifted(translate_y, 1, 0.45),
)


def _enhanced(change: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]):
    return growing(change, lambda strengths: 0.1 + 1.8 * strengths)


# The paper's 14 (section 3) with the amounts of the authors' TPU code. As the magnitude grows,
# factors go from 0.1 to 1.9; posterize keeps more bits, and solarize inverts fewer values.
PAPER = (
    *SAME,
    keep,
    growing(posterize, lambda strengths: tf.floor(4 * strengths)),
    growing(solarize, lambda strengths: tf.floor(256 * strengths)),
    *(_enhanced(change) for change in (saturation, contrast, brightness, sharpness)),
)

# timm's 15, "inc1": every effect grows with the magnitude. timm applies each with probability 0.5.
INCREASING = (
    *SAME,
    plain(invert),
    growing(posterize, lambda strengths: 4 - tf.floor(4 * strengths)),
    growing(solarize, lambda strengths: 256 - tf.floor(256 * strengths)),
    growing(solarize_add, lambda strengths: tf.floor(110 * strengths)),
    *(around_one(change, 0.9) for change in (saturation, contrast, brightness, sharpness)),
)


@image_only
def rand_augment(images, keys, *, num_ops=2, magnitude=9, increasing=False, magnitude_std=0.0):
    """Changes each of the images `(B, H, W, C)` by `num_ops` random operations in a row.

    By default, that of the paper, "RandAugment: Practical automated data augmentation with a
    reduced search space" (arXiv:1909.13719). `increasing=True, magnitude_std=0.5` is timm's
    "rand-m9-mstd0.5-inc1", the usual choice for vision transformers (DeiT). Interpolation is
    bilinear.

    Args:
        images: uint8 batch.
        keys: One per image, uint64 `(B,)`.
        num_ops: Operations per image, drawn with replacement.
        magnitude: Strength of the operations on the scale of paper and timm, where 10 is the full
            strength; the paper goes up to 30. (Torchvision's 30 is 10 here.)
        increasing: Whether to use timm's operations, which are all stronger at a higher magnitude
            and are applied with probability 0.5, instead of the paper's.
        magnitude_std: Standard deviation of the magnitude, which is drawn for each operation around
            `magnitude` and clipped to the range from 0 to 10, or to `magnitude` if it is larger.

    Returns:
        A batch of the same shape and dtype.

    Raises:
        ValueError: If `num_ops`, `magnitude` or `magnitude_std` is negative.
    """
    if not all(value >= 0 for value in (num_ops, magnitude, magnitude_std)):  # NaN is not
        raise UserError(
            "`num_ops`, `magnitude` and `magnitude_std` must be at least 0: received "
            f"num_ops={num_ops}, magnitude={magnitude}, magnitude_std={magnitude_std}."
        )
    images = tf.convert_to_tensor(images)
    branches = (*INCREASING, keep) if increasing else PAPER
    for number in range(num_ops):
        draws = uniform(fold(keys, number), 4)
        choices = tf.cast(draws[:, 0] * (15 if increasing else 14), tf.int32)
        if increasing:
            choices = tf.where(draws[:, 1] < 0.5, choices, 15)
        signs = random_signs(draws[:, 2])
        levels = tf.fill(tf.shape(choices), float(magnitude))
        if magnitude_std:
            levels += magnitude_std * tf.math.ndtri(draws[:, 3])
            levels = tf.clip_by_value(levels, 0, max(10, magnitude))
        images = dispatch(choices, branches, images, levels / 10, signs)
    return images
