"""The two-layer perceptron between attentions."""

import functools

import keras
from keras import ops

from keras_vit.errors import UserError


def quick_gelu(x):
    """Computes `x * sigmoid(1.702 * x)`, the approximation of GELU in OpenAI's CLIP.

    Args:
        x: Tensor of any shape.

    Returns:
        A tensor of the same shape.
    """
    return x * ops.sigmoid(1.702 * x)


def swiglu(x):
    """Splits `(..., 2*F)` into halves and computes `silu(first) * second`, `(..., F)`.

    "GLU Variants Improve Transformer" (arXiv:2002.05202), section 2.

    Args:
        x: Tensor `(..., 2*F)`.

    Returns:
        A tensor `(..., F)`.
    """
    gate, value = ops.split(x, 2, axis=-1)
    return ops.silu(gate) * value


ACTIVATIONS = {
    "gelu": functools.partial(ops.gelu, approximate=False),
    "gelu_tanh": functools.partial(ops.gelu, approximate=True),
    "quick_gelu": quick_gelu,
    "swiglu": swiglu,
}


@keras.saving.register_keras_serializable("keras_vit")
class MLP(keras.layers.Layer):
    """Maps each token `(..., D)` through `mlp_dim` hidden units back to `(..., D)`.

    "An Image is Worth 16x16 Words" (arXiv:2010.11929), section 3.1: dense, GELU, dense.

    Args:
        mlp_dim: Number of hidden units.
        activation: `"gelu"`, exact; `"gelu_tanh"`, its tanh approximation (arXiv:1606.08415);
            `"quick_gelu"`, its sigmoid approximation; or `"swiglu"`, whose first dense layer is
            twice as wide.
        dropout: Rate of dropout after each of the two dense layers.

    Raises:
        ValueError: If `activation` is none of these.
    """

    def __init__(self, mlp_dim, *, activation="gelu", dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        if activation not in ACTIVATIONS:
            raise UserError(
                f"`activation` must be one of {tuple(ACTIVATIONS)}: received {activation!r}."
            )
        self.mlp_dim = mlp_dim
        self.activation = activation
        self.activate = ACTIVATIONS[activation]
        self.dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy)

    def build(self, shape):
        units = 2 * self.mlp_dim if self.activation == "swiglu" else self.mlp_dim
        self.hidden = keras.layers.Dense(units, dtype=self.dtype_policy, name="hidden")
        self.out = keras.layers.Dense(shape[-1], dtype=self.dtype_policy, name="out")
        self.hidden.build(shape)
        self.out.build((*shape[:-1], self.mlp_dim))

    def call(self, x):
        x = self.dropout(self.activate(self.hidden(x)))
        return self.dropout(self.out(x))
