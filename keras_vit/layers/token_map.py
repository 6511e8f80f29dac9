"""Tokens to a map: each patch at its place in the image."""

import keras
from keras import ops

from keras_vit.errors import UserError


@keras.saving.register_keras_serializable("keras_vit")
class TokenMap(keras.layers.Layer):
    """Arranges the patches of the tokens `(B, T, D)` as a map `(B, h, w, D)`; has no weights.

    The inverse of the row-major order in which `Patches` cuts an image; prefix tokens are left out.

    Args:
        grid: Rows and columns of patches `(h, w)`.
        num_prefix_tokens: How many tokens precede the patches.

    Raises:
        ValueError: If the grid is no two integers above 0, the number of prefix tokens is below 0,
            or the patches do not fill the grid, for example because some were dropped.
    """

    def __init__(self, grid, *, num_prefix_tokens=0, **kwargs):
        super().__init__(**kwargs)
        if len(grid) != 2 or min(grid) < 1:
            raise UserError(f"`grid` must be two numbers above 0: received {grid}.")
        if num_prefix_tokens < 0:
            raise UserError(
                f"`num_prefix_tokens` must be at least 0: received {num_prefix_tokens}."
            )
        self.grid = tuple(grid)
        self.num_prefix_tokens = num_prefix_tokens

    def call(self, tokens):
        rows, columns = self.grid
        _, count, width = tokens.shape
        if count != self.num_prefix_tokens + rows * columns:
            raise UserError(
                f"Patches must fill the grid: received {count} tokens for a grid of "
                f"{rows}x{columns} and {self.num_prefix_tokens} prefix tokens."
            )
        patches = tokens[:, self.num_prefix_tokens :]
        return ops.reshape(patches, (-1, rows, columns, width))
