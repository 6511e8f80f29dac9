"""Random flips, shifts and affine maps of image batches."""

import math

import tensorflow as tf

from keras_vit.data.augment.affine import affine, around_middle
from keras_vit.data.augment.dispatch import dispatch, keep
from keras_vit.data.augment.keys import uniform


def random_flip(images, keys):
    """Mirrors each of the images `(B, H, W, C)` left to right with probability one half.

    Args:
        images: uint8 or float batch.
        keys: One per image, uint64 `(B,)`.

    Returns:
        A batch of the same shape and dtype.
    """
    images = tf.convert_to_tensor(images)
    mirrored = uniform(keys, 1)[:, 0] < 0.5
    branches = (keep, lambda images: tf.reverse(images, axis=[2]))
    return dispatch(tf.cast(mirrored, tf.int32), branches, images)


def random_crop(images, keys, *, padding):
    """Pads images `(B, H, W, C)` with 0 and crops each of them at random to its former size.

    Args:
        images: uint8 or float batch.
        keys: One per image, uint64 `(B,)`.
        padding: Pixels that are added on every side, which is also the largest shift.

    Returns:
        A batch of the same shape and dtype.
    """
    images = tf.convert_to_tensor(images)
    height, width = images.shape[1], images.shape[2]
    starts = tf.cast(uniform(keys, 2) * (2 * padding + 1), tf.int32)
    padded = tf.pad(images, [[0, 0], [padding, padding], [padding, padding], [0, 0]])
    rows = tf.gather(padded, starts[:, :1] + tf.range(height), axis=1, batch_dims=1)
    return tf.gather(rows, starts[:, 1:] + tf.range(width), axis=2, batch_dims=1)


def random_affine(images, keys, *, degrees=0.0, shift=0.0, zoom=0.0, shear=0.0):
    """Rotates, shears, zooms and shifts each of the images `(B, H, W, C)`, in this order.

    Amounts are drawn uniformly for each image, and apply around its middle. Interpolation is
    bilinear, with 0 outside the image.

    Args:
        images: uint8 or float batch.
        keys: One per image, uint64 `(B,)`.
        degrees: Largest angle of rotation in degrees, clockwise or anticlockwise.
        shift: Largest shift along each side, as a share of the side.
        zoom: Largest change of size, as a share: 0.2 draws factors from 0.8 to 1.2.
        shear: Largest horizontal shear, in degrees.

    Returns:
        A batch of the same shape and dtype.
    """
    images = tf.convert_to_tensor(images)
    height, width = images.shape[1], images.shape[2]
    draws = tf.transpose(2 * uniform(keys, 5) - 1)
    angle = draws[0] * (degrees * math.pi / 180)
    slant = tf.tan(draws[1] * (shear * math.pi / 180))
    scale = 1 / (1 + draws[2] * zoom)
    x_shift, y_shift = draws[3] * (shift * width), draws[4] * (shift * height)

    cos, sin = tf.cos(angle) * scale, tf.sin(angle) * scale
    matrices = around_middle(
        images, cos, cos * slant - sin, sin, sin * slant + cos, x_shift, y_shift
    )
    return affine(images, matrices)
