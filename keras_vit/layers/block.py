"""The pre-norm transformer block."""

import keras

from keras_vit.layers.attention import SelfAttention
from keras_vit.layers.mlp import MLP
from keras_vit.layers.regularize import DropPath, LayerScale


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

    Raises:
        ValueError: If `num_heads` does not divide `D`, or `activation` is unknown.
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
        **kwargs,
    ):
        super().__init__(**kwargs)
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
        for layer in (self.norm1, self.attention, self.scale1, self.norm2, self.mlp, self.scale2):
            layer.build(shape)

    def compute_output_shape(self, shape):
        return shape  # said, because tracing `call` for it takes most of the time to build a model

    def attention_scores(self, x):
        """Computes the attention of each token to each token in this block.

        Args:
            x: Tokens `(B, T, D)` that enter the block.

        Returns:
            Scores `(B, h, T, T)`, one matrix per head; each row sums to 1.
        """
        return self.attention.attention_scores(self.norm1(x))

    def call(self, x):
        x = x + self.drop_path(self.scale1(self.attention(self.norm1(x))))
        x = x + self.drop_path(self.scale2(self.mlp(self.norm2(x))))
        return x
