"""Random flips, shifts and affine maps of batches, with all that is drawn on the pictures."""

import math

import tensorflow as tf

from keras_vit.data.augment.affine import affine, around_middle
from keras_vit.data.augment.dispatch import dispatch, keep
from keras_vit.data.augment.keys import uniform
from keras_vit.data.augment.move import Geometry, floats, move, size_of, square, window
from keras_vit.errors import UserError


def random_flip(sample, keys, **outside):
    """Mirrors each picture left to right with probability one half.

    Args:
        sample: Images `(B, H, W, C)`, or a dict of samples as in `keras_vit.data.augment.move`.
        keys: One per example, uint64 `(B,)`.
        **outside: `fill`, `void` and `least_area`, see `keras_vit.data.augment.move.move`.

    Returns:
        A batch of the same structure, shapes and dtypes.
    """
    size = size_of(sample)
    mirrored = uniform(keys, 1)[:, 0] < 0.5
    branches = (keep, lambda images: tf.reverse(images, axis=[2]))

    def read(images, fill, interpolation):
        return dispatch(tf.cast(mirrored, tf.int32), branches, images)

    signs = 1 - 2 * tf.cast(mirrored, tf.float32)
    one, none = tf.ones_like(signs), tf.zeros_like(signs)
    matrices = around_middle(floats(size), signs, none, none, one)
    return move(sample, Geometry(square(matrices), size, read), **outside)


def random_turn(sample, keys, **outside):
    """Turns each square picture by 0, 90, 180 or 270 degrees, and mirrors half of them.

    The eight symmetries of a square are equally likely. Pixels are copied.

    Args:
        sample: Images `(B, H, H, C)`, or a dict of samples as in `keras_vit.data.augment.move`.
        keys: One per example, uint64 `(B,)`.
        **outside: `fill`, `void` and `least_area`, see `keras_vit.data.augment.move.move`.

    Returns:
        A batch of the same structure, shapes and dtypes.

    Raises:
        ValueError: If the pictures are not square, or their size is not known.
    """
    height, width = size_of(sample)
    if tf.is_tensor(height) or tf.is_tensor(width) or height != width:
        received = "any size" if tf.is_tensor(height) else f"{height}x{width} pixels"
        raise UserError(f"Only square pictures are turned by 90 degrees: received {received}.")
    transposed, down, across = tf.unstack(tf.cast(uniform(keys, 3) < 0.5, tf.float32), axis=1)
    y_sign, x_sign = 1 - 2 * down, 1 - 2 * across
    kept = 1 - transposed
    matrices = around_middle(
        (height, width), x_sign * kept, x_sign * transposed, y_sign * transposed, y_sign * kept
    )
    return move(sample, Geometry(square(matrices), (height, width)), **outside)


def random_crop(sample, keys, *, padding, **outside):
    """Pads each picture and crops it at random to its former size.

    Args:
        sample: Images `(B, H, W, C)`, or a dict of samples as in `keras_vit.data.augment.move`.
        keys: One per example, uint64 `(B,)`.
        padding: Pixels that are added on every side, which is also the largest shift.
        **outside: `fill`, `void` and `least_area`, see `keras_vit.data.augment.move.move`.

    Returns:
        A batch of the same structure, shapes and dtypes.
    """
    height, width = size_of(sample)
    starts = tf.cast(uniform(keys, 2) * (2 * padding + 1), tf.int32)

    def read(images, fill, interpolation):
        margins = [[0, 0], [padding, padding], [padding, padding], [0, 0]]
        padded = tf.pad(images, margins, constant_values=fill)
        rows = tf.gather(padded, starts[:, :1] + tf.range(height), axis=1, batch_dims=1)
        return tf.gather(rows, starts[:, 1:] + tf.range(width), axis=2, batch_dims=1)

    tops, lefts = tf.unstack(tf.cast(starts - padding, tf.float32), axis=1)
    where = window(tops, lefts, *floats((height, width)), (height, width))
    return move(sample, Geometry(where.matrix, where.size, read), **outside)


def random_affine(sample, keys, *, degrees=0.0, shift=0.0, zoom=0.0, shear=0.0, **outside):
    """Rotates, shears, zooms and shifts each picture, in this order.

    Amounts are drawn uniformly for each picture, and apply around its middle. The border of an
    image fades into what is outside over one pixel.

    Args:
        sample: Images `(B, H, W, C)`, or a dict of samples as in `keras_vit.data.augment.move`.
        keys: One per example, uint64 `(B,)`.
        degrees: Largest angle of rotation in degrees, clockwise or anticlockwise.
        shift: Largest shift along each side, as a share of the side.
        zoom: Largest change of size, as a share: 0.2 draws factors from 0.8 to 1.2.
        shear: Largest horizontal shear, in degrees.
        **outside: `fill`, `void` and `least_area`, see `keras_vit.data.augment.move.move`.

    Returns:
        A batch of the same structure, shapes and dtypes.
    """
    size = size_of(sample)
    height, width = floats(size)
    draws = tf.transpose(2 * uniform(keys, 5) - 1)
    angle = draws[0] * (degrees * math.pi / 180)
    slant = tf.tan(draws[1] * (shear * math.pi / 180))
    scale = 1 / (1 + draws[2] * zoom)
    x_shift, y_shift = draws[3] * (shift * width), draws[4] * (shift * height)

    cos, sin = tf.cos(angle) * scale, tf.sin(angle) * scale
    matrices = around_middle(
        (height, width), cos, cos * slant - sin, sin, sin * slant + cos, x_shift, y_shift
    )

    def read(images, fill, interpolation):
        return affine(images, matrices, fill=fill, interpolation=interpolation)

    return move(sample, Geometry(square(matrices), size, read), **outside)
