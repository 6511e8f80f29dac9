"""Affine maps of image batches, with a matrix or an amount for each image.

The results equal those of Pillow, except for rounding and for the border of an image, which fades
into `fill` over one pixel here.
"""

import math

import tensorflow as tf


def affine(images, matrices, *, size=None, fill=0, interpolation="bilinear"):
    """Maps images `(B, H, W, C)`, each by a matrix of its own.

    The output pixel (x, y) is read from (ax + by + c, dx + ey + f) of the input. Coordinates are in
    pixels, and the middle of the first pixel is (0, 0).

    Args:
        images: uint8 or float batch.
        matrices: float32 `(B, 6)`, the rows (a, b, c, d, e, f), or `(1, 6)` for all images alike.
        size: Height and width of the output, by default those of the images.
        fill: Value outside the image, one number for all channels; `None` repeats the pixels of the
            border.
        interpolation: `"bilinear"` or `"nearest"`.

    Returns:
        A batch of the same dtype, and of the same shape or `size`; integers are rounded.
    """
    images = tf.convert_to_tensor(images)
    # In float32 although the operation takes uint8, which is no faster and truncates: that would
    # leave specks even on an image of one colour.
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(images, tf.float32),
        transforms=tf.pad(matrices, [[0, 0], [0, 2]]),
        output_shape=images.shape[1:3] if size is None else size,
        fill_value=float(fill or 0),
        interpolation=interpolation.upper(),
        fill_mode="NEAREST" if fill is None else "CONSTANT",
    )
    return tf.cast(tf.round(moved) if images.dtype.is_integer else moved, images.dtype)


def shear_x(images, factors, *, fill=0, interpolation="bilinear"):
    """Shears images `(B, H, W, C)`: moves each row left by a factor of its distance to the top.

    As `PIL.Image.transform(size, AFFINE, (1, factor, 0, 0, 1, 0))`.

    Args:
        images: uint8 or float batch.
        factors: `(B,)`, pixels to the left per pixel from the top.
        fill: Value outside the image, one number for all channels.
        interpolation: `"bilinear"` or `"nearest"`.

    Returns:
        A batch of the same shape and dtype.
    """
    images = tf.convert_to_tensor(images)
    distances = tf.range(images.shape[1], dtype=tf.float32) + 0.5
    pixels = tf.cast(factors, tf.float32)[:, None] * distances
    return _slide(images, pixels, fill, interpolation)


def shear_y(images, factors, *, fill=0, interpolation="bilinear"):
    """Shears images `(B, H, W, C)`: moves each column up by a factor of its distance to the left.

    As `PIL.Image.transform(size, AFFINE, (1, 0, 0, factor, 1, 0))`.

    Args:
        images: uint8 or float batch.
        factors: `(B,)`, pixels up per pixel from the left edge.
        fill: Value outside the image, one number for all channels.
        interpolation: `"bilinear"` or `"nearest"`.

    Returns:
        A batch of the same shape and dtype.
    """
    turned = tf.transpose(images, (0, 2, 1, 3))
    moved = shear_x(turned, factors, fill=fill, interpolation=interpolation)
    return tf.transpose(moved, (0, 2, 1, 3))


def translate_x(images, pixels, *, fill=0, interpolation="bilinear"):
    """Moves images `(B, H, W, C)` to the left.

    As `PIL.Image.transform(size, AFFINE, (1, 0, pixels, 0, 1, 0))`.

    Args:
        images: uint8 or float batch.
        pixels: `(B,)`, integers or fractions; negative ones move to the right.
        fill: Value outside the image, one number for all channels.
        interpolation: `"bilinear"` or `"nearest"`.

    Returns:
        A batch of the same shape and dtype.
    """
    images = tf.convert_to_tensor(images)
    pixels = tf.tile(tf.cast(pixels, tf.float32)[:, None], [1, images.shape[1]])
    return _slide(images, pixels, fill, interpolation)


def translate_y(images, pixels, *, fill=0, interpolation="bilinear"):
    """Moves images `(B, H, W, C)` up.

    As `PIL.Image.transform(size, AFFINE, (1, 0, 0, 0, 1, pixels))`.

    Args:
        images: uint8 or float batch.
        pixels: `(B,)`, integers or fractions; negative ones move down.
        fill: Value outside the image, one number for all channels.
        interpolation: `"bilinear"` or `"nearest"`.

    Returns:
        A batch of the same shape and dtype.
    """
    turned = tf.transpose(images, (0, 2, 1, 3))
    moved = translate_x(turned, pixels, fill=fill, interpolation=interpolation)
    return tf.transpose(moved, (0, 2, 1, 3))


def rotate(images, degrees, *, fill=0, interpolation="bilinear"):
    """Rotates images `(B, H, W, C)` anticlockwise around their middle.

    As `PIL.Image.rotate(degrees)`.

    Args:
        images: uint8 or float batch.
        degrees: `(B,)`.
        fill: Value outside the image, one number for all channels.
        interpolation: `"bilinear"` or `"nearest"`.

    Returns:
        A batch of the same shape and dtype.
    """
    images = tf.convert_to_tensor(images)
    angles = tf.cast(degrees, tf.float32) * (math.pi / 180)
    cos, sin = tf.cos(angles), tf.sin(angles)
    matrices = around_middle(images.shape[1:3], cos, -sin, sin, cos)
    return affine(images, matrices, fill=fill, interpolation=interpolation)


def around_middle(size, a, b, d, e, x_shift=0.0, y_shift=0.0):
    """Makes the matrices `(B, 6)` for `affine` that map around the middle of the images.

    Args:
        size: Height and width of the images in pixels.
        a: Linear part, x of the input per x of the output; float32 `(B,)`, as the next three.
        b: Linear part, x of the input per y of the output.
        d: Linear part, y of the input per x of the output.
        e: Linear part, y of the input per y of the output.
        x_shift: Pixels to the right by which the result is moved, `(B,)` or one number.
        y_shift: Pixels down by which the result is moved, `(B,)` or one number.

    Returns:
        A float32 tensor.
    """
    x_middle, y_middle = (size[1] - 1) / 2, (size[0] - 1) / 2
    x, y = x_middle + x_shift, y_middle + y_shift
    return _rows(a, b, x_middle - a * x - b * y, d, e, y_middle - d * x - e * y)


def _slide(images, pixels, fill, interpolation):
    """Moves each row of images left by its own number of pixels `(B, H)`, faster than `affine`."""
    height, width, channels = images.shape[1:]
    # A margin of `fill` on both sides, into which the ends of a row fade.
    rows = tf.reshape(images, (-1, 1, width, channels))
    rows = tf.pad(rows, [[0, 0], [0, 0], [1, 1], [0, 0]], constant_values=fill)
    left = (tf.reshape(pixels, [-1]) + 1) / (width + 1)  # 0 and 1 are the two margins
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
