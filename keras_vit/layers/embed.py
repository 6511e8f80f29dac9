"""Flat patches to tokens: projection, prefix tokens, positions."""

import keras
import numpy as np
from keras import ops

from keras_vit.errors import UserError
from keras_vit.layers.positions import regridding, sincos_1d, sincos_2d

POSITIONS = ("learned", "sincos_2d", "sincos_1d", "none")


@keras.saving.register_keras_serializable("keras_vit")
class PatchEncoder(keras.layers.Layer):
    """Projects flat patches `(B, N, P*P*C)` to tokens `(B, T, D)`, prefix tokens first.

    The order along `T` is class token, distillation token, registers, patches. A learned table has
    a row for the class and distillation tokens too (ViT, arXiv:2010.11929, equation 1; DeiT,
    arXiv:2012.12877) unless `prefix_positions` is off (DeiT III, arXiv:2204.07118); a fixed one has
    rows only for the patches. Registers have no position
    ("Vision Transformers Need Registers", arXiv:2309.16588).

    Args:
        width: Numbers per token `D`.
        grid: Rows and columns of patches, `N = rows * columns`.
        class_token: Whether to put a learned token first.
        distillation_token: Whether to put a second learned token after it.
        num_registers: How many further learned tokens precede the patches.
        position: `"learned"`, `"sincos_2d"`, `"sincos_1d"` or `"none"`.
        prefix_positions: Whether class and distillation tokens have a learned position.
        use_bias: Whether the projection has a bias; CLIP's has none.
        project: Whether to project the patches; otherwise they must have `D` numbers.
        dropout: Rate of dropout on the tokens.

    Raises:
        ValueError: If `position` is none of the four, the patches do not fill the grid, or they are
            not projected and have another width.
    """

    def __init__(
        self,
        width,
        *,
        grid,
        class_token=True,
        distillation_token=False,
        num_registers=0,
        position="learned",
        prefix_positions=True,
        use_bias=True,
        project=True,
        dropout=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if position not in POSITIONS:
            raise UserError(f"`position` must be one of {POSITIONS}: received {position!r}.")
        self.width = width
        self.grid = tuple(grid)
        self.class_token = class_token
        self.distillation_token = distillation_token
        self.num_registers = num_registers
        self.position = position
        self.prefix_positions = prefix_positions
        # LeCun's normal, as Google's ViT draws it: tokens of unit variance however few the pixels.
        self.projection = project and keras.layers.Dense(
            width,
            use_bias=use_bias,
            kernel_initializer="lecun_normal",
            dtype=self.dtype_policy,
            name="projection",
        )
        self.dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    @property
    def num_prefix_tokens(self):
        """How many tokens precede the patches."""
        return int(self.class_token) + int(self.distillation_token) + self.num_registers

    @property
    def num_positioned_tokens(self):
        """How many tokens before the patches have a row in a learned table of positions."""
        return self.prefix_positions * (int(self.class_token) + int(self.distillation_token))

    def build(self, patches_shape):
        num_patches = self.grid[0] * self.grid[1]
        if patches_shape[1] != num_patches:
            raise UserError(
                f"Patches must fill the grid: received {patches_shape[1]} patches for a grid of "
                f"{self.grid[0]}x{self.grid[1]}."
            )
        if self.projection:
            self.projection.build(patches_shape)
        elif patches_shape[2] != self.width:
            raise UserError(
                f"Patches that are not projected must have the width {self.width}: received "
                f"{patches_shape[2]}."
            )
        self.prefix = []
        if self.class_token:
            self.prefix.append(self._add_tokens("class_token", 1))
        if self.distillation_token:
            self.prefix.append(self._add_tokens("distillation_token", 1))
        if self.num_registers:
            self.prefix.append(self._add_tokens("registers", self.num_registers))

        if self.position == "learned":
            count = self.num_positioned_tokens + num_patches
            self.positions = self._add_tokens("positions", count)
        elif self.position == "sincos_2d":
            self.positions = self._pad_prefix(sincos_2d(self.grid, self.width))
        elif self.position == "sincos_1d":
            self.positions = self._pad_prefix(sincos_1d(num_patches, self.width))

    def compute_output_shape(self, patches_shape):
        return (patches_shape[0], patches_shape[1] + self.num_prefix_tokens, self.width)

    def _add_tokens(self, name, count):
        initializer = keras.initializers.RandomNormal(stddev=0.02)
        return self.add_weight(name=name, shape=(1, count, self.width), initializer=initializer)

    def _pad_prefix(self, table):
        return np.pad(table, ((self.num_prefix_tokens, 0), (0, 0)))[None]  # 1 T D

    def _position_rows(self):
        """Returns the table with a row for every token, `(1, T, D)`, zeros where it has none."""
        with_row = self.num_positioned_tokens
        without = self.num_prefix_tokens - with_row
        if self.position != "learned" or not without:
            return self.positions
        zeros = ops.zeros((1, without, self.width))
        return ops.concatenate(
            [self.positions[:, :with_row], zeros, self.positions[:, with_row:]], axis=1
        )

    def _interpolated_rows(self, grid):
        rows, prefix = self._position_rows(), self.num_prefix_tokens
        patches = ops.matmul(regridding(self.grid, grid), rows[:, prefix:])
        return ops.concatenate([rows[:, :prefix], patches], axis=1)

    def call(self, patches, grid=None):
        """Projects patches.

        Args:
            patches: Flat patches `(B, N, P*P*C)`.
            grid: Rows and columns of these patches, where they are others than those of the layer:
                its positions are interpolated for them.

        Returns:
            Tokens `(B, T, D)`.
        """
        x = self.projection(patches) if self.projection else patches  # B N D
        if self.prefix:
            prefix = ops.concatenate([ops.cast(token, x.dtype) for token in self.prefix], axis=1)
            prefix = ops.broadcast_to(prefix, (ops.shape(x)[0], *prefix.shape[1:]))
            x = ops.concatenate([prefix, x], axis=1)  # B T D
        if self.position != "none":
            other = grid is not None and tuple(grid) != self.grid
            rows = self._interpolated_rows(grid) if other else self._position_rows()
            x = x + ops.cast(rows, x.dtype)
        return self.dropout(x)
