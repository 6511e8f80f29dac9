"""MATLAB's bicubic resizing, by which super-resolution is measured everywhere.

Pillow and TensorFlow use the same kernel but weigh the pixels at the border anew; MATLAB's
`imresize` mirrors the picture there. Scores of super-resolution would differ by a tenth of a
decibel.
"""

import math
from fractions import Fraction

import numpy as np

from keras_vit.errors import UserError

REACH = 2  # small pixels to each side that depend on a large one, and on which a large one depends


def bicubic(images, factor):
    """Resizes images `(..., H, W, C)` as MATLAB's `imresize(image, factor, "bicubic")` does.

    The kernel is Keys' with a = -1/2 ("Cubic convolution interpolation for digital image
    processing", 1981), widened by `1 / factor` where the image shrinks (antialiasing). The picture
    is continued beyond its border as in a mirror.

    Args:
        images: uint8 or float array.
        factor: The new side by the old one, an integer or a `fractions.Fraction`.

    Returns:
        An array of sides `ceil(H * factor)` and `ceil(W * factor)`: uint8 if `images` is, rounded
        after the rows and after the columns as MATLAB does, else float64.

    Raises:
        ValueError: If `factor` is not above 0, or an image has no pixel.
    """
    resized = np.asarray(images)
    for axis in (-3, -2):
        matrix = bicubic_matrix(resized.shape[axis], factor)
        exact = np.moveaxis(np.tensordot(resized.astype(float), matrix, (axis, 1)), -1, axis)
        resized = to_uint8(exact) if resized.dtype == np.uint8 else exact
    return resized


def bicubic_matrix(length, factor):
    """Returns the weight of each old pixel in each new one along one side.

    Args:
        length: Number of old pixels `n`.
        factor: As `bicubic` takes it.

    Returns:
        A float64 array `(m, n)` with `m = ceil(n * factor)`; each row sums to 1.

    Raises:
        ValueError: If `factor` is not above 0, or there is no old pixel.
    """
    if factor <= 0:
        raise UserError(f"`factor` must be above 0: received factor={factor}.")
    if length < 1:
        raise UserError(f"An image must have at least one pixel on a side: received {length}.")
    factor = Fraction(factor)
    count = math.ceil(length * factor)
    shrinking = min(1.0, float(factor))
    reach = REACH / shrinking  # in old pixels, to each side
    # Where the middle of each new pixel lies among the old ones, whose middles are integers.
    middles = (np.arange(count) + 0.5) / float(factor) - 0.5
    first = np.floor(middles - reach).astype(int)
    places = first[:, None] + np.arange(math.ceil(2 * reach) + 2)
    weights = _cubic(shrinking * (middles[:, None] - places))
    weights /= weights.sum(axis=1, keepdims=True)
    matrix = np.zeros((count, length))
    np.add.at(matrix, (np.arange(count)[:, None], _mirrored(places, length)), weights)
    return matrix


def to_uint8(values):
    """Rounds values to uint8, halves up, and clips those that lie beyond its range."""
    return np.clip(np.floor(np.asarray(values, float) + 0.5), 0, 255).astype("uint8")


def _cubic(x):
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x**2 + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def _mirrored(places, length):
    """Turns places beyond a side into those of a mirror, which repeats the pixel at the border."""
    places = places % (2 * length)
    return np.minimum(places, 2 * length - 1 - places)
