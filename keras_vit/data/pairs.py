"""Pairs of a small picture and the large one that it was made of, for super-resolution."""

import numbers
from fractions import Fraction

import tensorflow as tf

from keras_vit.errors import UserError
from keras_vit.images.bicubic import bicubic_matrix


def pairs(sample, *, scale, margin=0):
    """Turns a batch of samples, whose images are large, into small images and large ones.

    The small images are those of `keras_vit.images.bicubic.bicubic`: antialiased, and mirrored at
    the border. A crop is no whole picture, so that its border would not be that of the crop of a
    small whole picture. With a margin of `keras_vit.images.bicubic.REACH` it is: the border is
    used, and then cut off.

    Args:
        sample: A dict with images `(B, H, W, C)`, uint8, of a fixed size; `scale` divides it.
        scale: By how much the sides of the large images are longer, an integer from 2.
        margin: Pixels of the small images that are cut off on each side; of the large ones, `scale`
            times as many.

    Returns:
        Images `(B, h, w, C)`, with `h = H / scale - 2 * margin`, and `(B, scale*h, scale*w, C)`,
        both uint8.

    Raises:
        ValueError: If the truth is smaller than the scale, its size is unknown or no multiple of
            the scale, nothing is left within the margin, or a number is out of its range.
    """
    large = tf.convert_to_tensor(sample["image"])
    check_scale(scale)
    if margin < 0:
        raise UserError(f"`margin` must be at least 0: received margin={margin}.")
    size = tuple(large.shape[1:3])
    if None in size:
        raise UserError("Pairs need images of one size, from a crop: received images of any size.")
    shown = "x".join(map(str, size))
    if min(size) < scale:
        raise UserError(f"A truth must not be smaller than the scale {scale}: received {shown}.")
    if size[0] % scale or size[1] % scale:
        raise UserError(f"The scale {scale} must divide the size of a truth: received {shown}.")
    if min(size) <= 2 * margin * scale:
        raise UserError(
            f"A truth must be larger than its margin, {margin * scale} pixels on each side: "
            f"received {shown}."
        )
    small = large
    for equation, length in zip(("bhwc,nh->bnwc", "bhwc,nw->bhnc"), size, strict=True):
        matrix = bicubic_matrix(length, Fraction(1, scale))
        # In 64 bits, so that halves are rounded as NumPy rounds them.
        exact = tf.einsum(equation, tf.cast(small, tf.float64), matrix)
        small = tf.saturate_cast(tf.floor(exact + 0.5), tf.uint8)
    return _within(small, margin), _within(large, margin * scale)


def check_scale(scale):
    """Checks the scale of a super-resolution.

    Args:
        scale: By how much the sides of the large images are longer.

    Raises:
        ValueError: If it is no integer from 2.
    """
    if not isinstance(scale, numbers.Integral) or scale < 2:
        raise UserError(f"`scale` must be an integer from 2: received scale={scale}.")


def _within(images, margin):
    height, width = images.shape[1:3]
    return images[:, margin : height - margin, margin : width - margin]
