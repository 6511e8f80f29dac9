"""A model rewritten for export: the same numbers in forms that converters take."""

import functools

import keras
from keras import ops

from keras_vit.errors import UserError, reason_of
from keras_vit.keras_private import all_layers, readers
from keras_vit.layers import MLP, TokenPool, TransformerBlock


def servable(model, *, whole_numbers=False):
    """Rebuilds a functional model with the same weights, to be exported and not trained.

    Every layer computes in float32, whatever it was trained in: LiteRT converts no bfloat16, and a
    CPU that serves is faster without it. LayerNormalization is computed as `layer_norm` does, and
    exact GELU by the error function, not by its complement, which ONNX and TF.js lack. If only the
    class token is pooled, the last block's MLP computes no other token. A model without layers of
    keras_vit is only brought to float32.

    Args:
        model: A functional `keras.Model`; it stays as it is.
        whole_numbers: Whether it will compute with 16-bit integers: LayerNormalization is then
            computed as `layer_norm_in_16_bits` does, which takes longer.

    Returns:
        Another one, whose answers are equal except for rounding.

    Raises:
        ValueError: If a layer cannot be rebuilt in float32.
    """
    if not any(type(layer).__module__.startswith("keras_vit.") for layer in model.layers):
        return in_float32(model)
    norm = layer_norm_in_16_bits if whole_numbers else layer_norm
    copy = _rebuilt(model)
    for layer in all_layers(copy):
        if isinstance(layer, keras.layers.LayerNormalization):
            layer.call = functools.partial(norm, layer)
        if isinstance(layer, MLP) and layer.activation == "gelu":
            layer.activate = gelu
    blocks = [layer for layer in copy.layers if isinstance(layer, TransformerBlock)]
    if blocks and (count := _tokens_read(blocks[-1])):
        blocks[-1].call = functools.partial(first_tokens, blocks[-1], count)
    return copy


def in_float32(model):
    """Returns a model that computes in float32: itself if it does, otherwise a copy.

    Args:
        model: A functional `keras.Model`.

    Raises:
        ValueError: If a layer cannot be rebuilt in float32.
    """
    dtypes = {x for each in all_layers(model) for x in (each.compute_dtype, each.dtype)}
    return _rebuilt(model) if dtypes & {"bfloat16", "float16", "float64"} else model


def _rebuilt(model):
    """Returns a copy whose every layer has the policy float32, with the same weights."""

    def rebuild(layer):
        return layer.from_config({**layer.get_config(), "dtype": "float32"})

    try:
        copy = keras.models.clone_model(model, clone_function=rebuild, recursive=True)
        copy.set_weights(model.get_weights())
    except Exception as error:  # a layer of somebody else raises what it likes
        raise UserError(
            f"The model {model.name!r} cannot be rebuilt in float32: {reason_of(error)}"
        ) from error
    return copy


def first_tokens(block, count, x):
    """Computes only the first tokens of a block's result, `(B, count, D)`."""
    x = (x + block.scale1(block.attention(block.norm1(x))))[:, :count]
    return x + block.scale2(block.mlp(block.norm2(x)))


def _tokens_read(layer):
    """Returns how many of the first tokens of a layer's result are read; 0 if all are."""
    counts = []
    for reader in readers(layer):
        if isinstance(reader, TokenPool):
            counts.append(reader.index + 1)
        elif isinstance(reader, keras.layers.LayerNormalization):
            counts.append(_tokens_read(reader))
        else:
            return 0
    return max(counts) if counts and all(counts) else 0


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


def layer_norm_in_16_bits(layer, x):
    """Normalises `x` as `layer_norm` does, in steps that 16 bits are enough for.

    Vision Transformers have tokens whose values are a hundred times larger than others'
    (arXiv:2309.16588), and one scale must hold them all. Squares that are stored would leave the
    others nothing: the mean square is a product, whose sum LiteRT keeps in 64 bits. Its inverse
    root of 16 bits is a table of 512 steps: the root is taken first. What is still lost in the
    scale of a token is set right by normalising once more.

    Args:
        layer: The layer, as `layer_norm` takes it.
        x: Tensor `(..., D)`.
    """
    centred = x - ops.mean(x, axis=-1, keepdims=True)
    part = centred * x.shape[-1] ** -0.5
    variance = ops.matmul(ops.expand_dims(part, -2), ops.expand_dims(part, -1))[..., 0]
    root = ops.rsqrt(ops.sqrt(variance + layer.epsilon))
    inverse = root * root
    x = centred * inverse
    # The mean square and what epsilon adds are 1 together, except for rounding.
    whole = ops.mean(x * x, axis=-1, keepdims=True) + layer.epsilon * inverse * inverse
    return x * ops.rsqrt(whole) * layer.gamma + layer.beta
