"""Windows of tokens, within which attention stays: cut out, shifted and put back."""

import numpy as np
from keras import ops

from keras_vit.errors import UserError

FAR = -100.0  # added to a score, it leaves nothing of its exponential


def check_windows(grid, window, shift=0):
    """Checks that windows cover a grid of tokens.

    Args:
        grid: Rows and columns of the tokens.
        window: Side of the square windows in tokens.
        shift: By how many tokens the windows are shifted down and to the right.

    Raises:
        ValueError: If there is no grid, the window does not divide both of its sides, or the shift
            is not in `[0, window)`.
    """
    if grid is None:
        raise UserError("`window` needs the `grid` of the tokens: received none.")
    if window < 1 or grid[0] % window or grid[1] % window:
        raise UserError(
            "`window` must divide the grid of tokens: "
            f"received window={window}, grid {grid[0]}x{grid[1]}."
        )
    if not 0 <= shift < window:
        raise UserError(f"`shift` must lie in [0, {window}): received shift={shift}.")


def to_windows(tokens, grid, window, shift=0):
    """Cuts tokens `(B, T, D)` into windows `(B*n, window*window, D)`, row-major.

    Windows that reach beyond the grid go on at its opposite side.

    Args:
        tokens: The tokens of the grid, row by row.
        grid: Rows and columns `(h, w)`, which `window` divides.
        window: Side of the windows in tokens.
        shift: As `check_windows` takes it.

    Returns:
        The `n` windows of the first example, then those of the next.

    Raises:
        ValueError: If the tokens do not fill the grid.
    """
    rows, columns = grid
    if tokens.shape[1] != rows * columns:
        raise UserError(
            f"Tokens must fill the grid {rows}x{columns} of their windows: "
            f"received {tokens.shape[1]}."
        )
    width = tokens.shape[2]
    x = _rolled(ops.reshape(tokens, (-1, rows, columns, width)), shift)
    x = ops.reshape(x, (-1, rows // window, window, columns // window, window, width))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))  # B h/w w/w w w D
    return ops.reshape(x, (-1, window * window, width))


def from_windows(windows, grid, window, shift=0):
    """Puts windows `(B*n, window*window, D)` back into tokens `(B, T, D)`.

    Args:
        windows: What `to_windows` returned, or of this shape.
        grid: As `to_windows` takes it.
        window: As `to_windows` takes it.
        shift: As `to_windows` takes it.

    Returns:
        The tokens.
    """
    (rows, columns), width = grid, windows.shape[2]
    x = ops.reshape(windows, (-1, rows // window, columns // window, window, window, width))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))  # B h/w w w/w w D
    x = _rolled(ops.reshape(x, (-1, rows, columns, width)), -shift)
    return ops.reshape(x, (-1, rows * columns, width))


def window_bias(grid, window, shift):
    """Returns what is added to scores so that tokens of opposite sides do not see each other.

    Args:
        grid: As `to_windows` takes it.
        window: As `to_windows` takes it.
        shift: As `to_windows` takes it.

    Returns:
        A float32 array `(n, window*window, window*window)`, 0 or `FAR`.
    """
    # A shifted window that reaches beyond the grid holds tokens of both of its ends.
    rows, columns = (np.arange(side) >= side - shift for side in grid)
    side_of = 2 * rows[:, None] + columns
    parts = side_of.reshape(grid[0] // window, window, grid[1] // window, window)
    parts = parts.transpose(0, 2, 1, 3).reshape(-1, window * window)
    return np.where(parts[:, :, None] == parts[:, None], 0, FAR).astype("float32")


def _rolled(maps, shift):
    """Moves maps up and to the left by a shift; what leaves enters at the opposite side.

    By slices, since LiteRT has no `roll`.
    """
    if not shift:
        return maps
    maps = ops.concatenate([maps[:, shift:], maps[:, :shift]], axis=1)
    return ops.concatenate([maps[:, :, shift:], maps[:, :, :shift]], axis=2)
