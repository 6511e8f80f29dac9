"""The pre-norm transformer block."""

import keras

from keras_vit.errors import UserError
from keras_vit.layers.attention import SelfAttention
from keras_vit.layers.mlp import MLP
from keras_vit.layers.regularize import DropPath, LayerScale
from keras_vit.layers.windows import check_windows, from_windows, to_windows, window_bias


@keras.saving.register_keras_serializable("keras_vit")
class TransformerBlock(keras.layers.Layer):
    """Maps tokens `(B, T, D)` to `(B, T, D)`: attention, then an MLP, each added to its input.

    "An Image is Worth 16x16 Words" (arXiv:2010.11929), equations 2 and 3.

    Args:
        num_heads: Number of attention heads; divides `D`.
        mlp_dim: Hidden units of the MLP.
        activation: Activation of the MLP, as `MLP` takes it.
        norm_epsilon: Epsilon of every norm in the block.
        qkv_bias: Whether the projection to queries, keys and values has a bias.
        qk_norm: Whether attention normalises queries and keys.
        layer_scale: Initial value of LayerScale, or `None` for no LayerScale.
        dropout: Rate of dropout after every dense layer.
        attention_dropout: Rate on the attention scores.
        drop_path: Probability that an example skips a branch in training.
        grid: Rows and columns of the tokens, which have no prefix then; only for the options below.
        window: Side of square windows of tokens, within which attention stays ("Swin Transformer",
            arXiv:2103.14030); divides both sides of the grid. `None` attends globally.
        shift: By how many tokens the windows lie further down and to the right, below `window`.
        relative_positions: Whether attention adds learned `RelativePositions`, within the windows
            or, without any, within the grid.
        locality: Whether no token attends to itself, as `SelfAttention` takes it.

    Raises:
        ValueError: If `num_heads` does not divide `D`, `activation` is unknown, the tokens do not
            fill the grid, or the windows do not cover it.
    """

    def __init__(
        self,
        num_heads,
        mlp_dim,
        *,
        activation="gelu",
        norm_epsilon=1e-6,
        qkv_bias=True,
        qk_norm=False,
        layer_scale=None,
        dropout=0.0,
        attention_dropout=0.0,
        drop_path=0.0,
        grid=None,
        window=None,
        shift=0,
        relative_positions=False,
        locality=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.windows, self.bias = None, None
        if window is not None:
            check_windows(grid, window, shift)
            self.windows = dict(grid=tuple(grid), window=window, shift=shift)
            self.bias = window_bias(**self.windows) if shift else None
        elif shift or (relative_positions and grid is None):
            raise UserError(
                "`shift` needs a `window`, and `relative_positions` a `window` or a `grid`: "
                f"received window=None, grid={grid}."
            )
        relative_grid = (window, window) if window else grid
        self.num_heads = num_heads
        self.mlp_dim = mlp_dim
        self.activation = activation
        self.norm_epsilon = norm_epsilon
        dtype = self.dtype_policy
        self.norm1, self.norm2 = (
            keras.layers.LayerNormalization(epsilon=norm_epsilon, dtype=dtype, name=name)
            for name in ("norm1", "norm2")
        )
        self.attention = SelfAttention(
            num_heads,
            qkv_bias=qkv_bias,
            qk_norm=qk_norm,
            norm_epsilon=norm_epsilon,
            dropout=dropout,
            attention_dropout=attention_dropout,
            relative_grid=relative_grid if relative_positions else None,
            locality=locality,
            dtype=dtype,
            name="attention",
        )
        self.mlp = MLP(mlp_dim, activation=activation, dropout=dropout, dtype=dtype, name="mlp")
        self.scale1, self.scale2 = (
            keras.layers.Identity(dtype=dtype, name=name)
            if layer_scale is None
            else LayerScale(layer_scale, dtype=dtype, name=name)
            for name in ("scale1", "scale2")
        )
        self.drop_path = DropPath(drop_path, dtype=dtype)

    def build(self, shape):
        tokens = self.windows["window"] ** 2 if self.windows else shape[1]
        self.norm1.build(shape)
        self.attention.build((shape[0], tokens, shape[2]))
        for layer in (self.scale1, self.norm2, self.mlp, self.scale2):
            layer.build(shape)

    def compute_output_shape(self, shape):
        return shape  # said, because tracing `call` for it takes most of the time to build a model

    def attention_scores(self, x):
        """Computes the attention of each token to each token in this block.

        Args:
            x: Tokens `(B, T, D)` that enter the block.

        Returns:
            Scores `(B, h, T, T)`, one matrix per head; each row sums to 1.

        Raises:
            ValueError: If attention stays within windows.
        """
        if self.windows:
            raise UserError("Scores between all tokens need global attention: received windows.")
        return self.attention.attention_scores(self.norm1(x))

    def _attended(self, x, visible):
        if not self.windows:
            return self.attention(x, visible=visible)
        if visible is not None:
            raise UserError("Tokens are hidden only from global attention: received windows.")
        x = self.attention(to_windows(x, **self.windows), bias=self.bias)
        return from_windows(x, **self.windows)

    def call(self, x, visible=None):
        """Maps tokens `(B, T, D)`.

        Args:
            x: The tokens.
            visible: As `SelfAttention` takes it.

        Returns:
            Tokens `(B, T, D)`.

        Raises:
            ValueError: If tokens are hidden and attention stays within windows.
        """
        x = x + self.drop_path(self.scale1(self._attended(self.norm1(x), visible)))
        x = x + self.drop_path(self.scale2(self.mlp(self.norm2(x))))
        return x
