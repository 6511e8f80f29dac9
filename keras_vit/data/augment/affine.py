"""Affine maps of image batches: one matrix per image, one call for all.

The moves below take images `(B, H, W, C)`, uint8 or float, and an amount per image `(B,)`; the
options are those of `affine`. They return a batch of the same shape and dtype, and equal Pillow's
up to rounding and the image's border, which fades into `fill` over a pixel here.
"""

import math

import tensorflow as tf


def affine(images, matrices, *, fill=0, interpolation="bilinear"):
    """Reads the pixel (x, y) of images `(B, H, W, C)` from where each one's matrix points.

    Coordinates count pixels from the middle of the first. Outside the image lies `fill`.

    Args:
        images: uint8 or float batch.
        matrices: float32 `(B, 6)`, a row (a, b, c, d, e, f) reads (ax + by + c, dx + ey + f).
        fill: One value for all channels.
        interpolation: "bilinear" or "nearest".

    Returns:
        A batch of the same shape and dtype; integers are rounded.
    """
    images = tf.convert_to_tensor(images)
    # In float32 although the operation takes uint8: that one is no faster and truncates, which
    # would leave specks even on an image of one colour.
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(images, tf.float32),
        transforms=tf.pad(matrices, [[0, 0], [0, 2]]),
        output_shape=images.shape[1:3],
        fill_value=float(fill),
        interpolation=interpolation.upper(),
        fill_mode="CONSTANT",
    )
    return tf.cast(tf.round(moved), images.dtype) if images.dtype.is_integer else moved


def shear_x(images, factors, *, fill=0, interpolation="bilinear"):
    """Moves each row of `(B, H, W, C)` left by `factors` `(B,)` times its distance to the top.

    `PIL.Image.transform(size, AFFINE, (1, factor, 0, 0, 1, 0))`.
    """
    images = tf.convert_to_tensor(images)
    distances = tf.range(images.shape[1], dtype=tf.float32) + 0.5
    pixels = tf.cast(factors, tf.float32)[:, None] * distances
    return _slide(images, pixels, fill, interpolation)


def shear_y(images, factors, *, fill=0, interpolation="bilinear"):
    """Moves each column of `(B, H, W, C)` up by `factors` `(B,)` times its distance to the left.

    `PIL.Image.transform(size, AFFINE, (1, 0, 0, factor, 1, 0))`.
    """
    turned = tf.transpose(images, (0, 2, 1, 3))
    moved = shear_x(turned, factors, fill=fill, interpolation=interpolation)
    return tf.transpose(moved, (0, 2, 1, 3))


def translate_x(images, pixels, *, fill=0, interpolation="bilinear"):
    """Moves images `(B, H, W, C)` left by `pixels` `(B,)`, fractions too.

    `PIL.Image.transform(size, AFFINE, (1, 0, pixels, 0, 1, 0))`.
    """
    images = tf.convert_to_tensor(images)
    pixels = tf.tile(tf.cast(pixels, tf.float32)[:, None], [1, images.shape[1]])
    return _slide(images, pixels, fill, interpolation)


def translate_y(images, pixels, *, fill=0, interpolation="bilinear"):
    """Moves images `(B, H, W, C)` up by `pixels` `(B,)`, fractions too.

    `PIL.Image.transform(size, AFFINE, (1, 0, 0, 0, 1, pixels))`.
    """
    turned = tf.transpose(images, (0, 2, 1, 3))
    moved = translate_x(turned, pixels, fill=fill, interpolation=interpolation)
    return tf.transpose(moved, (0, 2, 1, 3))


def rotate(images, degrees, *, fill=0, interpolation="bilinear"):
    """Turns images `(B, H, W, C)` anticlockwise around their middle by `degrees` `(B,)`.

    `PIL.Image.rotate(degrees)`.
    """
    images = tf.convert_to_tensor(images)
    angles = tf.cast(degrees, tf.float32) * (math.pi / 180)
    cos, sin = tf.cos(angles), tf.sin(angles)
    matrices = around_middle(images, cos, -sin, sin, cos)
    return affine(images, matrices, fill=fill, interpolation=interpolation)


def around_middle(images, a, b, d, e, x_shift=0.0, y_shift=0.0):
    """Makes the matrices `(B, 6)` that map around the middle of the images and then shift.

    Args:
        images: A batch `(B, H, W, C)`, for its size.
        a: float32 `(B,)`, as `b`, `d` and `e` the linear part.
        b: See `a`.
        d: See `a`.
        e: See `a`.
        x_shift: Pixels to the right, `(B,)` or one number.
        y_shift: Pixels down.

    Returns:
        A float32 tensor.
    """
    x_middle, y_middle = (images.shape[2] - 1) / 2, (images.shape[1] - 1) / 2
    x, y = x_middle + x_shift, y_middle + y_shift
    return _rows(a, b, x_middle - a * x - b * y, d, e, y_middle - d * x - e * y)


def _slide(images, pixels, fill, interpolation):
    """Moves each row left on its own, `pixels` `(B, H)`: as `affine` would, but faster."""
    height, width, channels = images.shape[1:]
    # A margin of `fill` on either side, into which the ends of a row fade.
    rows = tf.reshape(images, (-1, 1, width, channels))
    rows = tf.pad(rows, [[0, 0], [0, 0], [1, 1], [0, 0]], constant_values=fill)
    left = (tf.reshape(pixels, [-1]) + 1) / (width + 1)  # 0 to 1 is from margin to margin
    right = left + (width - 1) / (width + 1)
    moved = tf.raw_ops.CropAndResize(
        image=rows,
        boxes=tf.stack([tf.zeros_like(left), left, tf.zeros_like(left), right], axis=1),
        box_ind=tf.range(tf.size(left)),
        crop_size=(1, width),
        method=interpolation,
        extrapolation_value=float(fill),
    )
    moved = tf.reshape(moved, (-1, height, width, channels))
    return tf.cast(tf.round(moved), images.dtype) if images.dtype.is_integer else moved


def _rows(*entries):
    shape = next(tf.shape(entry) for entry in entries if tf.is_tensor(entry))
    return tf.stack([tf.broadcast_to(tf.cast(e, tf.float32), shape) for e in entries], axis=1)
