"""Reads facts off the names and shapes of a checkpoint's arrays, whoever wrote them."""

import math

from keras_vit.errors import UserError


def named_once(pairs):
    """Collects named arrays in a dictionary.

    Args:
        pairs: Pairs of a name and an array.

    Returns:
        A dictionary of the arrays by name.

    Raises:
        ValueError: If two arrays have the same name.
    """
    arrays = {}
    for name, array in pairs:
        if name in arrays:
            raise UserError(f"The checkpoint must hold {name} once: it holds it twice.")
        arrays[name] = array
    return arrays


def shape_of(arrays, name, rank):
    """Returns the shape of one array of a checkpoint.

    Args:
        arrays: Arrays by name.
        name: Name of the array.
        rank: How many axes it must have.

    Returns:
        Its shape, a tuple of `rank` integers.

    Raises:
        ValueError: If no array has this name, or it has another rank or an empty axis.
    """
    if name not in arrays:
        raise UserError(f"The checkpoint has no {name}.")
    shape = arrays[name].shape
    if len(shape) != rank or 0 in shape:
        raise UserError(f"{name} must have {rank} axes, none of them empty: received {shape}.")
    return shape


def has_part(arrays, *parts):
    """Returns whether any array's name contains one of these parts.

    Options of a model are recognised by a part of a layer's names and not by one whole name, so
    that a missing array of the layer can be named in the error.

    Args:
        arrays: Arrays by name.
        *parts: Texts to look for in the names.

    Returns:
        `True` or `False`.
    """
    return any(part in name for name in arrays for part in parts)


def has_prefix(arrays, prefix):
    """Returns whether the name of any of `arrays` (a dictionary by name) starts with `prefix`."""
    return any(name.startswith(prefix) for name in arrays)


def count_blocks(arrays, pattern):
    """Counts the transformer blocks by their numbers in the names of arrays.

    Args:
        arrays: Arrays by name.
        pattern: Compiled regular expression of a block's names; its first group is the number.

    Returns:
        The number of blocks.

    Raises:
        ValueError: If there is no block, or the numbers do not run from 0 without a gap.
    """
    numbers = {int(match[1]) for name in arrays if (match := pattern.match(name))}
    missing = set(range(max(numbers, default=-1) + 1)) - numbers
    if missing or not numbers:
        raise UserError(f"The checkpoint has no block {min(missing, default=0)}.")
    return len(numbers)


def grid_of(count, grid=None):
    """Returns the rows and columns of a number of patches.

    Args:
        count: The number of patches.
        grid: Rows and columns where they are known; by default a square.

    Returns:
        A pair `(rows, columns)`.

    Raises:
        ValueError: If the patches do not fill the grid.
    """
    if grid is None:
        side = math.isqrt(count)
        grid = (side, side)
    if len(grid) != 2 or grid[0] * grid[1] != count:
        raise UserError(
            f"{count} positions fill no grid of {'x'.join(map(str, grid))}: say rows and columns "
            "by `grid`, keras-vit import --grid."
        )
    return tuple(grid)


def grid_from(image_size, patch_size):
    """Returns the rows and columns of patches in an image of a configured size.

    Args:
        image_size: Height and width in pixels, or `None` where the configuration has none.
        patch_size: Side of a square patch, in pixels.

    Returns:
        A pair `(rows, columns)`, or `None` where there are no two sides.
    """
    if image_size is None or len(image_size) != 2:
        return None
    return tuple(side // patch_size for side in image_size)
