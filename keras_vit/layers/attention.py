"""Multi-head self-attention with one fused projection."""

import keras
import numpy as np
from keras import ops

from keras_vit.errors import UserError
from keras_vit.layers.relative import RelativePositions
from keras_vit.layers.windows import FAR


def check_heads(width, num_heads):
    """Checks that attention heads divide the width of a token.

    Args:
        width: Numbers per token `D`.
        num_heads: Number of heads.

    Raises:
        ValueError: If `num_heads` is below 1 or does not divide `width`.
    """
    if num_heads < 1 or width % num_heads:
        raise UserError(
            f"`num_heads` must divide the width: received num_heads={num_heads}, width={width}."
        )


@keras.saving.register_keras_serializable("keras_vit")
class SelfAttention(keras.layers.Layer):
    """Mixes tokens `(B, T, D)` by multi-head self-attention into `(B, T, D)`.

    "Attention Is All You Need" (arXiv:1706.03762), section 3.2.2. Query, key and value come
    from one projection `(D, 3*D)`, in this order, heads inside each; the scale is folded into the
    query.

    Args:
        num_heads: Number of heads; divides `D`.
        qkv_bias: Whether the fused projection has a bias.
        qk_norm: Whether to normalise queries and keys per head before the product ("Scaling Vision
            Transformers to 22 Billion Parameters", arXiv:2302.05442, section 2).
        norm_epsilon: Epsilon of those two norms.
        dropout: Rate of dropout on the result.
        attention_dropout: Rate of dropout on the attention scores.
        relative_grid: Rows and columns of the tokens, to add `RelativePositions` to the scores.
        locality: Whether no token attends to itself, and each head learns the scale of its scores:
            the locality self-attention of "Vision Transformer for Small-Size Datasets"
            (arXiv:2112.13492, section 3.3).

    Raises:
        ValueError: If `num_heads` does not divide `D`, or the tokens do not fill `relative_grid`.
    """

    def __init__(
        self,
        num_heads,
        *,
        qkv_bias=True,
        qk_norm=False,
        norm_epsilon=1e-6,
        dropout=0.0,
        attention_dropout=0.0,
        relative_grid=None,
        locality=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.locality = locality
        self.qkv_bias = qkv_bias
        self.qk_norm = qk_norm
        self.norm_epsilon = norm_epsilon
        self.dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy)
        self.attention_dropout = keras.layers.Dropout(attention_dropout, dtype=self.dtype_policy)
        self.relative = relative_grid and RelativePositions(
            relative_grid, dtype=self.dtype_policy, name="relative"
        )

    def build(self, shape):
        width = shape[-1]
        check_heads(width, self.num_heads)
        self.head_dim = width // self.num_heads
        # On the fused kernel LeCun's uniform has the limit that Glorot's has on each of its three
        # square parts, sqrt(6 / (D + D)); Glorot's own would take the fan-out for 3*D.
        self.qkv = keras.layers.Dense(
            3 * width,
            use_bias=self.qkv_bias,
            kernel_initializer="lecun_uniform",
            dtype=self.dtype_policy,
            name="qkv",
        )
        self.out = keras.layers.Dense(width, dtype=self.dtype_policy, name="out")
        self.qkv.build(shape)
        self.out.build(shape)
        if self.qk_norm:
            self.query_norm, self.key_norm = (
                keras.layers.LayerNormalization(
                    epsilon=self.norm_epsilon, dtype=self.dtype_policy, name=name
                )
                for name in ("query_norm", "key_norm")
            )
            self.query_norm.build((*shape[:-1], self.num_heads, self.head_dim))
            self.key_norm.build((*shape[:-1], self.num_heads, self.head_dim))
        if self.relative:
            self.relative.build((None, self.num_heads, shape[1], shape[1]))
        if self.locality:
            self.scale = self.add_weight(
                name="scale",
                shape=(self.num_heads, 1),
                initializer=keras.initializers.Constant(self.head_dim**-0.5),
            )

    def _project(self, x):
        """Returns query `(B, h, T, d)`, key `(B, h, d, T)` and value `(B, h, T, d)`.

        They are split because LiteRT's XNNPACK supports no slice that drops an axis.
        """
        heads = (-1, x.shape[1], self.num_heads, self.head_dim)  # B T h d
        parts = ops.split(self.qkv(x), 3, axis=-1)
        query, key, value = (ops.reshape(part, heads) for part in parts)
        if self.qk_norm:
            query, key = self.query_norm(query), self.key_norm(key)
        scale = ops.cast(self.scale, query.dtype) if self.locality else self.head_dim**-0.5
        query = query * scale
        return (
            ops.transpose(query, (0, 2, 1, 3)),
            ops.transpose(key, (0, 2, 3, 1)),
            ops.transpose(value, (0, 2, 1, 3)),
        )

    def _scores(self, query, key, bias, visible=None):
        """Returns scores `(B, h, T, T)` whose rows sum to 1."""
        scores = ops.matmul(query, key)
        if self.relative:
            scores = self.relative(scores)
        if self.locality:
            # Nearer than what is masked: a token that is left alone attends to itself.
            own = (FAR / 2 * np.eye(scores.shape[-1])).astype("float32")
            scores = scores + ops.cast(own, scores.dtype)
        if bias is not None:
            count, tokens, _ = bias.shape
            scores = ops.reshape(scores, (-1, count, self.num_heads, tokens, tokens))
            scores = scores + ops.cast(bias, scores.dtype)[:, None]
            scores = ops.reshape(scores, (-1, self.num_heads, tokens, tokens))
        if visible is not None:
            hidden = 1 - ops.cast(visible, scores.dtype)
            scores = scores + FAR * hidden[:, None, None]  # B 1 1 T
        return ops.softmax(scores, axis=-1)

    def attention_scores(self, x, bias=None):
        """Computes the attention of each token to each token; each row sums to 1.

        Args:
            x: Tokens `(B, T, D)`.
            bias: As the layer takes it.

        Returns:
            Scores `(B, h, T, T)`, one matrix per head, without dropout.
        """
        query, key, _ = self._project(x)
        return self._scores(query, key, bias)

    def call(self, x, bias=None, visible=None):
        """Mixes tokens `(B, T, D)`.

        Args:
            x: The tokens.
            bias: Numbers `(n, T, T)` that are added to the scores: the first to those of the
                examples 0, `n`, `2n`, ..., the next to those of the following ones. `None` adds
                none.
            visible: Numbers `(B, T)`, 1 for tokens that others attend to and 0 for those that none
                does, which leave the other tokens as if they were not there. `None` hides none.

        Returns:
            Tokens `(B, T, D)`.
        """
        query, key, value = self._project(x)
        scores = self._scores(query, key, bias, visible)  # B h T T
        x = ops.matmul(self.attention_dropout(scores), value)  # B h T d
        x = ops.transpose(x, (0, 2, 1, 3))  # B T h d
        x = ops.reshape(x, (-1, x.shape[1], self.num_heads * self.head_dim))
        return self.dropout(self.out(x))
