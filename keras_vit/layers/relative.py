"""Relative positions: what a token adds to the score of another by where that one lies."""

import keras
from keras import ops

from keras_vit.errors import UserError


@keras.saving.register_keras_serializable("keras_vit")
class RelativePositions(keras.layers.Layer):
    """Adds a learned number to attention scores `(B, h, T, T)`, by the way from token to token.

    "Swin Transformer" (arXiv:2103.14030), equation 4: one number per head for each difference of
    rows and of columns.

    Args:
        grid: Rows and columns of the tokens, whose product is `T`.

    Raises:
        ValueError: If the tokens do not fill the grid.
    """

    def __init__(self, grid, **kwargs):
        super().__init__(**kwargs)
        self.grid = tuple(grid)

    def build(self, shape):
        rows, columns = self.grid
        if rows * columns != shape[-1]:
            raise UserError(
                f"Tokens must fill the grid {rows}x{columns} of relative positions: "
                f"received {shape[-1]}."
            )
        self.table = self.add_weight(
            shape=(2 * rows - 1, 2 * columns - 1, shape[1]),
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            name="table",
        )

    def call(self, scores):
        rows, columns = self.grid
        table = ops.cast(self.table, scores.dtype)
        # Slices, and no look-up of T*T places: the gradient of one would be sparse.
        down = [table[rows - 1 - y : 2 * rows - 1 - y] for y in range(rows)]
        table = ops.stack(down)  # h h 2w-1 heads
        right = [table[:, :, columns - 1 - x : 2 * columns - 1 - x] for x in range(columns)]
        bias = ops.stack(right, axis=1)  # h w h w heads
        bias = ops.reshape(bias, (rows * columns, rows * columns, scores.shape[1]))
        return scores + ops.transpose(bias, (2, 0, 1))
