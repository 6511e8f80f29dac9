"""What can be read off the names and shapes of arrays, whoever wrote them."""

import math
import numbers

from keras_vit.errors import UserError

IMAGENET = dict(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
# Widths whose heads are not 64 wide: SigLIP's So400m, ViT-H, ViT-g and ViT-G.
HEADS = {1152: 16, 1280: 16, 1408: 16, 1664: 16}


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


def by_number(names):
    """Returns as a list what a configuration has by number, `None` where a number is missing."""
    return [names.get(str(index)) for index in range(len(names))]


def holds(arrays, *parts):
    """Says whether any array's name has one of these parts, so that one that lacks can be named."""
    return any(part in name for name in arrays for part in parts)


def starts(arrays, prefix):
    """Says whether any array's name starts so."""
    return any(name.startswith(prefix) for name in arrays)


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _is_whole(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value):
    return isinstance(value, str)


def _are(is_one):
    return lambda values: isinstance(values, list) and values and all(map(is_one, values))


KINDS = {
    "a number": _is_number,
    "numbers": _are(_is_number),
    "a whole number": _is_whole,
    "whole numbers": _are(_is_whole),
    "a text": _is_text,
    "texts": _are(_is_text),
    "an object": lambda value: isinstance(value, dict),
}


def value_of(known, name, kind):
    """Returns a value of a configuration, `None` where it has none.

    Args:
        known: The configuration, a dictionary.
        name: The value's name.
        kind: What it must be, a key of `KINDS`.

    Raises:
        ValueError: If it is something else.
    """
    value = known.get(name)
    if value is not None and not KINDS[kind](value):
        raise UserError(f"A configuration's {name} must be {kind}: received {value!r}.")
    return value


def unique(pairs):
    """Makes names and arrays a dictionary.

    Raises:
        ValueError: If two arrays have one name.
    """
    arrays = {}
    for name, array in pairs:
        if name in arrays:
            raise UserError(f"The checkpoint must hold {name} once: it does twice.")
        arrays[name] = array
    return arrays


def count_blocks(arrays, pattern):
    """Counts the blocks that a pattern finds the numbers of.

    Raises:
        ValueError: If numbers are missing.
    """
    numbers = {int(found[1]) for name in arrays if (found := pattern.match(name))}
    missing = set(range(max(numbers, default=-1) + 1)) - numbers
    if missing or not numbers:
        raise UserError(f"The checkpoint has no block {min(missing, default=0)}.")
    return len(numbers)


def heads_of(width):
    """Says how many heads models of a width have.

    Raises:
        ValueError: If that is not known.
    """
    heads = HEADS.get(width, width // 64)
    if width not in HEADS and width % 64:
        raise UserError(
            f"How many heads a model of width {width} has is not known: say it by `num_heads`, "
            "keras-vit import --num-heads."
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
    if len(grid) != 2 or grid[0] * grid[1] != count:
        raise UserError(
            f"{count} positions fill no grid of {'x'.join(map(str, grid))}: say rows and columns "
            "by `grid`, keras-vit import --grid."
        )
    return tuple(grid)


def grid_from(image_size, patch_size):
    """Returns the rows and columns of an image size that was told, or `None`."""
    if image_size is None or len(image_size) != 2:
        return None
    return tuple(side // patch_size for side in image_size)
