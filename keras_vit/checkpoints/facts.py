"""What can be read off the names and shapes of arrays, whoever wrote them."""

import math

# Widths whose heads are not 64 wide: SigLIP's So400m, ViT-H, ViT-g and ViT-G.
HEADS = {1152: 16, 1280: 16, 1408: 16, 1664: 16}


def shape_of(arrays, name, rank):
    """Returns the shape of an array.

    Raises:
        ValueError: If there is none of this name and rank.
    """
    if name not in arrays:
        raise ValueError(f"The checkpoint has no {name}.")
    shape = arrays[name].shape
    if len(shape) != rank:
        raise ValueError(f"{name} must have {rank} axes: received {shape}.")
    return shape


def count_blocks(arrays, pattern):
    """Counts the blocks that a pattern finds the numbers of.

    Raises:
        ValueError: If numbers are missing.
    """
    numbers = {int(found[1]) for name in arrays if (found := pattern.match(name))}
    missing = set(range(max(numbers, default=-1) + 1)) - numbers
    if missing or not numbers:
        raise ValueError(f"The checkpoint has no block {min(missing, default=0)}.")
    return len(numbers)


def heads_of(width):
    """Says how many heads models of a width have.

    Raises:
        ValueError: If that is not known.
    """
    heads = HEADS.get(width, width // 64)
    if width not in HEADS and width % 64:
        raise ValueError(
            f"How many heads a model of width {width} has is not known: pass `num_heads`."
        )
    return heads


def grid_of(count, grid=None):
    """Says how many rows and columns a number of patches has.

    Raises:
        ValueError: If they do not fill the grid that is given, or no square.
    """
    if grid is None:
        side = math.isqrt(count)
        grid = (side, side)
    if grid[0] * grid[1] != count:
        raise ValueError(
            f"{count} positions fill no grid of {grid[0]}x{grid[1]}: pass `grid`, rows and columns."
        )
    return tuple(grid)


def told_grid(image_size, patch_size):
    """Returns the rows and columns of an image size that was told, or `None`."""
    return None if image_size is None else tuple(side // patch_size for side in image_size)
