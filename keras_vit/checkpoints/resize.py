"""Positions and patch kernels for another grid, patch or number of channels."""

import numpy as np

from keras_vit.errors import UserError
from keras_vit.layers.positions import plain_cubic

METHODS = ("bicubic", "bicubic_plain", "bilinear")


def resize_positions(table, old_grid, new_grid, *, prefix=0, method="bicubic"):
    """Resizes a table of positions `(1, prefix + h*w, D)` to another grid.

    Args:
        table: One row per token; the first `prefix` stay.
        old_grid: Rows and columns of patches that the table is for.
        new_grid: Rows and columns of patches that the result is for.
        prefix: How many rows belong to no patch.
        method: `"bicubic"` with antialiasing, as timm does it; `"bicubic_plain"` without, as
            Hugging Face's transformers do it; `"bilinear"` between the corners, as Google's
            vision_transformer does it.

    Returns:
        A table `(1, prefix + h'*w', D)`.

    Raises:
        ValueError: If the method is unknown.
    """
    if tuple(old_grid) == tuple(new_grid):
        return table
    first, rest = table[:, :prefix], table[:, prefix:]
    resample = _between_corners if _check(method) == "bilinear" else CUBIC[method]
    rows, columns = (resample(*sides) for sides in zip(old_grid, new_grid, strict=True))
    grid = rest.reshape(*old_grid, -1)  # h w D
    grid = np.einsum("ah,bw,hwd->abd", rows, columns, grid)
    return np.concatenate([first, grid.reshape(1, -1, table.shape[-1])], axis=1)


def resize_kernel(kernel, old_patch, new_patch, *, method="bicubic"):
    """Resizes a patch kernel `(P*P*C, D)` so that resized patches keep their projections.

    "FlexiViT: One Model for All Patch Sizes" (arXiv:2212.08013, section 3.2): with the matrix `B`
    that resizes a patch, the kernel is multiplied by the pseudo-inverse of `B` transposed.

    Args:
        kernel: Rows in the order of `patchify`.
        old_patch: Side of the patches that the kernel is for, in pixels.
        new_patch: Side of the patches that the result is for, in pixels.
        method: `"bicubic"` with antialiasing, as timm resizes; `"bicubic_plain"` without;
            `"bilinear"`, as big_vision does.

    Returns:
        A kernel `(P'*P'*C, D)`.

    Raises:
        ValueError: If the method is unknown.
    """
    if old_patch == new_patch:
        return kernel
    resample = _linear if _check(method) == "bilinear" else CUBIC[method]
    matrix = resample(old_patch, new_patch)
    inverse = np.linalg.pinv(np.kron(matrix, matrix).T)  # P'*P' P*P
    width = kernel.shape[-1]
    pixels = inverse @ kernel.reshape(old_patch**2, -1)
    return pixels.reshape(-1, width)


def fold_channels(kernel, old, new):
    """Converts an RGB patch kernel `(P*P*C, D)` to another number of channels.

    For one channel the three are summed: a grey image then gives what it gives as RGB, exactly
    where all channels have the same mean and standard deviation. More channels repeat the three in
    turn, scaled so that the sum stays (timm's `adapt_input_conv`).

    Args:
        kernel: Rows in the order of `patchify`.
        old: Number of channels that the kernel is for, 3.
        new: Number of channels that the result is for.

    Returns:
        A kernel `(P*P*C', D)`.

    Raises:
        ValueError: If `old` is not 3 and differs from `new`.
    """
    if old == new:
        return kernel
    if old != 3:
        raise UserError(f"Only an RGB kernel is made one of other channels: received {old}.")
    pixels = kernel.reshape(-1, old, kernel.shape[-1])
    if new == 1:
        folded = pixels.sum(axis=1, keepdims=True)
    else:
        folded = pixels[:, np.arange(new) % old] * (old / new)
    return folded.reshape(-1, kernel.shape[-1])


def _check(method):
    if method not in METHODS:
        raise UserError(f"`resize` must be one of {', '.join(METHODS)}: received {method!r}.")
    return method


def _between_corners(old, new):
    """Returns the matrix `(new, old)` of linear interpolation that keeps both ends."""
    places = np.linspace(0, old - 1, new)
    return np.stack([np.interp(places, np.arange(old), row) for row in np.eye(old)], axis=1)


def _linear(old, new):
    """Returns the matrix `(new, old)` of linear interpolation between the middles of pixels."""
    places = (np.arange(new) + 0.5) * old / new - 0.5
    return np.stack([np.interp(places, np.arange(old), row) for row in np.eye(old)], axis=1)


def _cubic(old, new):
    """Returns the matrix `(new, old)` of Keys' cubic kernel, widened where it shrinks."""
    scale = max(old / new, 1)
    middles = (np.arange(new)[:, None] + 0.5) * old / new - 0.5
    x = np.abs(np.arange(old) - middles) / scale
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    weights = np.where(x < 1, near, np.where(x < 2, far, 0))
    return weights / weights.sum(axis=1, keepdims=True)


CUBIC = {"bicubic": _cubic, "bicubic_plain": plain_cubic}
