"""Fixed position tables, one row of `D` numbers per patch, and tables for another grid."""

import numpy as np

from keras_vit.errors import UserError

TEMPERATURE = 10_000.0  # of both formulas: the lowest frequency is about its inverse


def sincos_1d(length, width):
    """Builds the table `(N, D)` of "Attention Is All You Need" (arXiv:1706.03762, section 3.5).

    `table[n, 2i] = sin(n / 10000^(2i/D))` and `table[n, 2i+1] = cos(n / 10000^(2i/D))`.

    Args:
        length: Number of positions `N`.
        width: Numbers per position `D`, even.

    Returns:
        A float32 array.

    Raises:
        ValueError: If `width` is odd.
    """
    if width % 2:
        raise UserError(f"A 1-D sine-cosine table needs an even width: received width={width}.")
    frequencies = TEMPERATURE ** (-np.arange(0, width, 2) / width)
    angles = np.arange(length)[:, None] * frequencies  # N D/2
    table = np.stack([np.sin(angles), np.cos(angles)], axis=-1)  # N D/2 2
    return table.reshape(length, width).astype("float32")


def sincos_2d(grid, width):
    """Builds the table `(h*w, D)` for a grid `(h, w)` of patches, row-major.

    Four quarters of `D/4` numbers: sine and cosine of the column, sine and cosine of the row. The
    frequencies run from 1 to 1/10000, both included, as in "Better plain ViT baselines for
    ImageNet-1k" (arXiv:2205.01580); MoCo v3 (arXiv:2104.02057), where the layout comes from, stops
    one step short of 1/10000.

    Args:
        grid: Rows and columns of patches.
        width: Numbers per position `D`, a multiple of 4, at least 8.

    Returns:
        A float32 array.

    Raises:
        ValueError: If `width` is no multiple of 4, or below 8.
    """
    if width % 4 or width < 8:
        raise UserError(
            "A 2-D sine-cosine table needs a width that is a multiple of 4, at least 8: "
            f"received width={width}."
        )
    rows, columns = (axis.reshape(-1, 1) for axis in np.mgrid[: grid[0], : grid[1]])  # N 1
    frequencies = TEMPERATURE ** (-np.linspace(0.0, 1.0, width // 4))
    x, y = columns * frequencies, rows * frequencies  # N D/4
    return np.concatenate([np.sin(x), np.cos(x), np.sin(y), np.cos(y)], axis=1).astype("float32")


def regridding(old_grid, new_grid):
    """Returns the matrix `(h'*w', h*w)` that turns a table of positions into that of another grid.

    Bicubic and without antialiasing, as DINO (arXiv:2104.14294) positions small crops.

    Args:
        old_grid: Rows and columns of patches `(h, w)` that a table is for.
        new_grid: Those of the result, `(h', w')`.

    Returns:
        A float32 array.
    """
    sides = zip(old_grid, new_grid, strict=True)
    return np.kron(*(plain_cubic(*side) for side in sides)).astype("float32")


def plain_cubic(old, new):
    """Returns the matrix `(new, old)` of torch's cubic kernel, as wide however it shrinks.

    Args:
        old: Number of places that are known.
        new: Number of places of the result.
    """
    middles = (np.arange(new)[:, None] + 0.5) * old / new - 0.5
    taps = np.floor(middles).astype(int) + np.arange(-1, 3)
    x = np.abs(middles - taps)
    near = 1.25 * x**3 - 2.25 * x**2 + 1
    far = -0.75 * x**3 + 3.75 * x**2 - 6 * x + 3
    matrix = np.zeros((new, old))
    places = np.arange(new)[:, None], taps.clip(0, old - 1)  # what lies outside repeats the edge
    np.add.at(matrix, places, np.where(x <= 1, near, far))
    return matrix
