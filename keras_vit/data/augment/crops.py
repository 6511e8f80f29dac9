"""Crops of batches to a size of their own, with all that is drawn on the pictures."""

import numbers

import tensorflow as tf

from keras_vit.data.augment.keys import uniform
from keras_vit.data.augment.move import Geometry, move, resample, size_of, window
from keras_vit.data.augment.windows import random_windows
from keras_vit.errors import UserError
from keras_vit.images.graph_crop import crop_images, placement


def random_scale_crop(sample, keys, *, size, scale=(0.5, 2.0), **outside):
    """Scales each picture by a random factor and crops it at random to one size.

    The usual crop of semantic segmentation. Factor and place are uniform. Where a scaled picture is
    smaller than the crop, it lies at a random place in it.

    Args:
        sample: Images `(B, H, W, C)`, or a dict of samples as in `keras_vit.data.augment.move`.
        keys: One per example, uint64 `(B,)`.
        size: Height and width of the crop in pixels, or one integer for both.
        scale: Smallest and largest factor. Interpolation is not antialiased: below 0.5, pixels of
            the picture are left out.
        **outside: `fill`, `void` and `least_area`, see `keras_vit.data.augment.move.move`.

    Returns:
        A batch of the same structure and dtypes, of the size `size`.

    Raises:
        ValueError: If a number is out of its range.
    """
    size = pair(size)
    if not 0 < scale[0] <= scale[1]:
        raise UserError(f"`scale` must be a smallest and a largest factor: received {scale}.")
    height, width = (tf.cast(side, tf.float32) for side in size_of(sample))
    draws = uniform(keys, 3)
    factors = scale[0] + (scale[1] - scale[0]) * draws[:, 0]
    tops = _place(draws[:, 1], factors * height - size[0])
    lefts = _place(draws[:, 2], factors * width - size[1])
    edges = tops / factors, lefts / factors, size[0] / factors, size[1] / factors
    return move(sample, window(*edges, size), **outside)


def random_place_crop(sample, keys, *, size, **outside):
    """Crops each picture at a random place, without scaling it.

    Args:
        sample: Images `(B, H, W, C)`, or a dict of samples as in `keras_vit.data.augment.move`.
        keys: One per example, uint64 `(B,)`.
        size: Height and width of the crop in pixels, or one integer for both.
        **outside: `least_area`, see `keras_vit.data.augment.move.move`; a crop has no outside.

    Returns:
        A batch of the same structure and dtypes, of the size `size`.

    Raises:
        ValueError: If `size` is not one or two integers from 1, or the pictures are smaller.
        tf.errors.InvalidArgumentError: When it runs, if the pictures are smaller, and this was not
            known before.
    """
    size = pair(size)
    height, width = size_of(sample)
    rule = f"A picture must not be smaller than its crop, {size[0]}x{size[1]} pixels: received"
    if tf.is_tensor(height) or tf.is_tensor(width):
        received = tf.strings.format(f"{rule} {{}}x{{}}.", (height, width))
        large_enough = (height >= size[0]) & (width >= size[1])
        with tf.control_dependencies([tf.debugging.Assert(large_enough, [received])]):
            keys = tf.identity(keys)
    elif height < size[0] or width < size[1]:
        raise UserError(f"{rule} {height}x{width}.")
    return random_scale_crop(sample, keys, size=size, scale=(1.0, 1.0), **outside)


def random_resized_crop(sample, keys, *, size, area=(0.08, 1.0), aspect=(3 / 4, 4 / 3), **outside):
    """Resizes a random window of each picture to one size.

    The windows are those of `keras_vit.data.inception_crop`, which decodes only the window of a
    picture in a file, and antialiases.

    Args:
        sample: Images `(B, H, W, C)`, or a dict of samples as in `keras_vit.data.augment.move`.
        keys: One per example, uint64 `(B,)`.
        size: Height and width of the result in pixels, or one integer for both.
        area: Smallest and largest area of a window, as shares of the picture's area.
        aspect: Smallest and largest aspect ratio of a window, width by height.
        **outside: `fill`, `void` and `least_area`, see `keras_vit.data.augment.move.move`.

    Returns:
        A batch of the same structure and dtypes, of the size `size`.

    Raises:
        ValueError: If `size` is not one or two integers from 1.
    """
    size = pair(size)
    boxes = tf.cast(random_windows(*size_of(sample), keys, area, aspect), tf.float32)
    return move(sample, window(*tf.unstack(boxes, axis=1), size), **outside)


def fitted(sample, keys=None, *, preprocessing, **outside):
    """Resizes pictures, antialiased, and crops their middle, as evaluation does.

    Args:
        sample: Images `(B, H, W, C)`, or a dict of samples as in `keras_vit.data.augment.move`.
        keys: Ignored; every stage takes keys, and this one draws nothing.
        preprocessing: A `keras_vit.images.preprocessing.Preprocessing` with an `image_size`, which
            is `(H, W)`.
        **outside: `fill`, `void` and `least_area`, see `keras_vit.data.augment.move.move`.

    Returns:
        A batch of the same structure and dtypes, of the size that `preprocessing` asks for.
    """
    size = preprocessing.image_size
    scale, shift = placement(size_of(sample), preprocessing)
    corner, sides = -shift / scale, tf.constant(size, tf.float32) / scale
    where = window(corner[:1], corner[1:], sides[:1], sides[1:], size)

    def read(images, fill, interpolation):
        if interpolation == "nearest":
            return resample(images, where, fill, interpolation)
        return crop_images(images, preprocessing)

    return move(sample, Geometry(where.matrix, size, read), **outside)


def pair(size):
    """Returns a height and a width of a size that may be one integer.

    Args:
        size: An integer for both sides, or two.

    Returns:
        Two integers.

    Raises:
        ValueError: If they are not integers from 1.
    """
    sides = tuple(size) if isinstance(size, list | tuple) else (size, size)
    if len(sides) != 2 or not all(isinstance(x, numbers.Integral) and x >= 1 for x in sides):
        raise UserError(f"`size` must be one or two integers from 1: received size={size}.")
    return sides


def _place(draws, slack):
    """Draws where a crop starts, whole pixels `(B,)`; negative where it is the larger one."""
    return tf.sign(slack) * tf.floor(draws * (tf.floor(tf.abs(slack)) + 1))
