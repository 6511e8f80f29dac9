"""Pooling layers: tokens to one vector per image."""

import keras
from keras import ops

from keras_vit.layers.attention import check_heads
from keras_vit.layers.mlp import MLP


@keras.saving.register_keras_serializable("keras_vit", name="ClassTokenPool")  # its former name
class TokenPool(keras.layers.Layer):
    """Selects one of the tokens `(B, T, D)` as the feature `(B, D)`; has no weights.

    Args:
        index: Index of the token: 0 is the class token, 1 the distillation token after it.
    """

    def __init__(self, index=0, **kwargs):
        super().__init__(**kwargs)
        self.index = index

    def call(self, tokens):
        return tokens[:, self.index]


@keras.saving.register_keras_serializable("keras_vit")
class MeanPool(keras.layers.Layer):
    """Averages the patches of the tokens `(B, T, D)` into `(B, D)`; has no weights.

    Args:
        num_prefix_tokens: How many tokens precede the patches and are left out.
    """

    def __init__(self, num_prefix_tokens=0, **kwargs):
        super().__init__(**kwargs)
        self.num_prefix_tokens = num_prefix_tokens

    def call(self, tokens):
        return ops.mean(tokens[:, self.num_prefix_tokens :], axis=1)


@keras.saving.register_keras_serializable("keras_vit")
class ClassTokenAndMeanPool(keras.layers.Layer):
    """Joins the class token and the mean of the patches of `(B, T, D)` to `(B, 2*D)`; no weights.

    The linear classifier of "DINOv2" (arXiv:2304.07193) reads both.

    Args:
        num_prefix_tokens: How many tokens precede the patches; the first is the class token.
    """

    def __init__(self, num_prefix_tokens=1, **kwargs):
        super().__init__(**kwargs)
        self.num_prefix_tokens = num_prefix_tokens

    def call(self, tokens):
        patches = tokens[:, self.num_prefix_tokens :]
        return ops.concatenate([tokens[:, 0], ops.mean(patches, axis=1)], axis=-1)


@keras.saving.register_keras_serializable("keras_vit")
class AttentionPool(keras.layers.Layer):
    """Lets one learned query attend to the tokens `(B, T, D)` and an MLP refine it: `(B, D)`.

    The MAP head of "Scaling Vision Transformers" (arXiv:2106.04560, section 3.2), after the pooling
    of "Set Transformer" (arXiv:1810.00825, section 3.2).

    Args:
        num_heads: Number of attention heads; divides `D`.
        mlp_dim: Hidden units of the MLP.
        activation: Activation of the MLP, as `MLP` takes it.
        norm_epsilon: Epsilon of the norm before the MLP.

    Raises:
        ValueError: If `num_heads` does not divide `D`.
    """

    def __init__(self, num_heads, mlp_dim, *, activation="gelu", norm_epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.norm = keras.layers.LayerNormalization(
            epsilon=norm_epsilon, dtype=self.dtype_policy, name="norm"
        )
        self.mlp = MLP(mlp_dim, activation=activation, dtype=self.dtype_policy, name="mlp")

    def build(self, shape):
        width = shape[-1]
        check_heads(width, self.num_heads)
        self.head_dim = width // self.num_heads
        self.probe = self.add_weight(
            name="probe", shape=(1, 1, width), initializer="glorot_uniform"
        )
        self.query = keras.layers.Dense(width, dtype=self.dtype_policy, name="query")
        self.key_value = keras.layers.Dense(
            2 * width, kernel_initializer="lecun_uniform", dtype=self.dtype_policy, name="key_value"
        )
        self.out = keras.layers.Dense(width, dtype=self.dtype_policy, name="out")
        for layer in (self.query, self.key_value, self.out, self.norm, self.mlp):
            layer.build((shape[0], 1, width))

    def attention_scores(self, tokens):
        """Computes the attention of the query to each token; each row sums to 1.

        Args:
            tokens: Tensor `(B, T, D)`.

        Returns:
            Scores `(B, h, 1, T)`, one row per head.
        """
        return self._attend(tokens)[0]

    def _attend(self, tokens):
        """Returns the scores `(B, h, 1, T)` and the values `(B, h, T, d)`."""
        probe = self.query(ops.cast(self.probe, tokens.dtype)) * self.head_dim**-0.5
        query = ops.reshape(probe, (1, self.num_heads, 1, self.head_dim))  # 1 h 1 d
        heads = (-1, tokens.shape[1], self.num_heads, self.head_dim)  # B T h d
        parts = ops.split(self.key_value(tokens), 2, axis=-1)
        key, value = (ops.reshape(part, heads) for part in parts)
        key = ops.transpose(key, (0, 2, 3, 1))  # B h d T
        value = ops.transpose(value, (0, 2, 1, 3))  # B h T d
        return ops.softmax(ops.matmul(query, key), axis=-1), value

    def call(self, tokens):
        scores, value = self._attend(tokens)
        x = ops.matmul(scores, value)  # B h 1 d
        x = self.out(ops.reshape(x, (-1, self.num_heads * self.head_dim)))  # B D
        return x + self.mlp(self.norm(x))


@keras.saving.register_keras_serializable("keras_vit")
class SequencePool(keras.layers.Layer):
    """Averages the tokens `(B, T, D)` into `(B, D)`, each weighed by a learned look at it.

    The sequence pooling of "Escaping the Big Data Paradigm with Compact Transformers"
    (arXiv:2104.05704, section 3.2): the weights are the softmax over the tokens of one dense layer.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.score = keras.layers.Dense(1, dtype=self.dtype_policy, name="score")

    def build(self, shape):
        self.score.build(shape)

    def weigh(self, tokens):
        """Computes what each of the tokens `(B, T, D)` counts: `(B, 1, T)`, which sum up to 1."""
        return ops.softmax(ops.transpose(self.score(tokens), (0, 2, 1)), axis=-1)

    def mix(self, weights, tokens):
        """Averages tokens `(B, T, D)` by weights `(B, 1, T)` to `(B, D)`."""
        return ops.squeeze(ops.matmul(weights, tokens), axis=1)

    def call(self, tokens):
        return self.mix(self.weigh(tokens), tokens)
