"""A model rewritten for export: the same numbers in forms that converters take."""

import functools

import keras
from keras import ops

from keras_vit.layers import MLP


def servable(model):
    """Rebuilds a functional model with the same weights, to be exported and not trained.

    Every layer computes in float32, whatever it was trained in: LiteRT converts no bfloat16, and a
    CPU that serves is faster without it. LayerNormalization is computed as `layer_norm` does, and
    exact GELU by the error function, not by its complement, which ONNX and TF.js have not.

    Args:
        model: A functional `keras.Model`; it stays as it is.

    Returns:
        Another one, whose answers are equal to 1e-6.
    """

    def rebuild(layer):
        return layer.from_config({**layer.get_config(), "dtype": "float32"})

    copy = keras.models.clone_model(model, clone_function=rebuild)
    copy.set_weights(model.get_weights())
    for layer in copy._flatten_layers():
        if isinstance(layer, keras.layers.LayerNormalization):
            layer.call = functools.partial(layer_norm, layer)
        if isinstance(layer, MLP) and layer.activation == "gelu":
            layer.activate = gelu
    return copy


def gelu(x):
    """Computes exact GELU by the error function."""
    return 0.5 * x * (1 + ops.erf(x * 2**-0.5))


def layer_norm(layer, x):
    """Normalises `x` as a `LayerNormalization` does, without a negation.

    Keras subtracts the mean by adding its negative, for which LiteRT has no 8-bit and no 16-bit
    operator.

    Args:
        layer: The layer, built; over the last axis, with gamma and beta.
        x: Tensor `(..., D)`.
    """
    centred = x - ops.mean(x, axis=-1, keepdims=True)
    variance = ops.mean(centred * centred, axis=-1, keepdims=True)
    return centred * ops.rsqrt(variance + layer.epsilon) * layer.gamma + layer.beta
