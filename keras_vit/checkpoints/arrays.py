"""What the names and shapes of arrays show, whoever wrote them."""

import math

from keras_vit.errors import UserError


def named_once(pairs):
    """Makes a dictionary of names and arrays.

    Raises:
        ValueError: If two arrays have one name.
    """
    arrays = {}
    for name, array in pairs:
        if name in arrays:
            raise UserError(f"The checkpoint must hold {name} once: it does twice.")
        arrays[name] = array
    return arrays


def shape_of(arrays, name, rank):
    """Returns the shape of an array.

    Raises:
        ValueError: If there is none of this name and rank.
    """
    if name not in arrays:
        raise UserError(f"The checkpoint has no {name}.")
    shape = arrays[name].shape
    if len(shape) != rank or 0 in shape:
        raise UserError(f"{name} must have {rank} axes, none of them empty: received {shape}.")
    return shape


def has_part(arrays, *parts):
    """Says whether any array's name contains one of these parts.

    Options of a model are recognised by a part of a layer's names and not by one whole name, so
    that an array of the layer that is missing can be named in the error.
    """
    return any(part in name for name in arrays for part in parts)


def has_prefix(arrays, prefix):
    """Says whether any array's name starts with a prefix."""
    return any(name.startswith(prefix) for name in arrays)


def count_blocks(arrays, pattern):
    """Counts the blocks whose numbers a pattern finds in the names.

    Raises:
        ValueError: If there are none, or numbers are missing.
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
    """Returns the rows and columns of a configured image size, `None` where there is none."""
    if image_size is None or len(image_size) != 2:
        return None
    return tuple(side // patch_size for side in image_size)
