"""Rewrites a model for export: the same numbers by operations that converters support."""

import functools

import keras
from keras import ops
from keras.layers import GroupNormalization

from keras_vit.errors import UserError, reason_of
from keras_vit.export.norms import group_norm, layer_norm, normed, normed_in_16_bits
from keras_vit.keras_private import all_layers, readers
from keras_vit.layers import MLP, StandardizedConv, TokenPool, TransformerBlock


def servable(model, *, whole_numbers=False):
    """Rebuilds a functional model with the same weights for export; it is not meant for training.

    Every layer computes in float32, whatever it was trained in: LiteRT converts no bfloat16, and
    serving on a CPU is faster without it. The norms of `keras_vit.export.norms` replace Keras', and
    the error function replaces its complement in exact GELU, because ONNX and TF.js lack the
    complement. Kernels that are standardised whenever they are used are so once and for all. If
    only the class token is pooled, the last block's MLP computes only that token. A model without
    layers of keras_vit is only converted to float32.

    Args:
        model: A functional `keras.Model`; it is not changed.
        whole_numbers: Whether the export will compute with 16-bit integers: then norms are
            `normed_in_16_bits`, which takes longer.

    Returns:
        A `keras.Model` whose answers are equal except for rounding; `model` itself if it has no
        layers of keras_vit and already computes in float32.

    Raises:
        ValueError: If a layer cannot be rebuilt in float32.
    """
    if not any(type(layer).__module__.startswith("keras_vit.") for layer in model.layers):
        return in_float32(model)
    how = normed_in_16_bits if whole_numbers else normed
    copy = _rebuilt(model)
    for layer in all_layers(copy):
        if _is_usual_norm(layer):
            norm = group_norm if isinstance(layer, GroupNormalization) else layer_norm
            layer.call = functools.partial(norm, how, layer)
        if isinstance(layer, StandardizedConv):
            layer.fold()
        if isinstance(layer, MLP) and layer.activation == "gelu":
            layer.activate = gelu
        if getattr(layer, "activation", None) is keras.activations.gelu:  # a layer of Keras
            layer.activation = gelu
    blocks = [layer for layer in copy.layers if isinstance(layer, TransformerBlock)]
    if blocks and (count := _tokens_read(blocks[-1], copy.outputs)):
        blocks[-1].call = functools.partial(first_tokens, blocks[-1], count)
    return copy


def in_float32(model):
    """Returns a model that computes in float32: itself if it does, otherwise a copy.

    Args:
        model: A functional `keras.Model`.

    Returns:
        A `keras.Model` with the same weights.

    Raises:
        ValueError: If a layer cannot be rebuilt in float32.
    """
    dtypes = {x for each in all_layers(model) for x in (each.compute_dtype, each.dtype)}
    return _rebuilt(model) if dtypes & {"bfloat16", "float16", "float64"} else model


def _rebuilt(model):
    """Returns a copy whose every layer has the policy float32, with the same weights."""

    def rebuild(layer):
        if not isinstance(layer, keras.layers.Layer):  # an operation of `keras.ops`
            return layer.from_config(layer.get_config())
        return layer.from_config({**layer.get_config(), "dtype": "float32"})

    try:
        copy = keras.models.clone_model(model, clone_function=rebuild, recursive=True)
        copy.set_weights(model.get_weights())
    except Exception as error:  # other people's layers raise errors of any class
        raise UserError(
            f"The model {model.name!r} cannot be rebuilt in float32: {reason_of(error)}"
        ) from error
    return copy


def _is_usual_norm(layer):
    """Says whether `layer_norm` or `group_norm` computes what a layer does."""
    is_norm = isinstance(layer, keras.layers.LayerNormalization | GroupNormalization)
    return is_norm and layer.axis in (-1, [-1]) and len(layer.weights) == 2  # gamma and beta


def first_tokens(block, count, x):
    """Computes only the first tokens of what a transformer block returns.

    Args:
        block: A built `TransformerBlock`.
        count: How many tokens to compute.
        x: Tokens `(B, T, D)` that enter the block.

    Returns:
        Tokens `(B, count, D)`.
    """
    x = (x + block.scale1(block.attention(block.norm1(x))))[:, :count]
    return x + block.scale2(block.mlp(block.norm2(x)))


def _tokens_read(layer, outputs):
    """Returns how many of the first tokens of a layer's result are read; 0 if all are."""
    if any(layer.output is each for each in outputs):
        return 0
    counts = []
    for reader in readers(layer):
        if isinstance(reader, TokenPool):
            counts.append(reader.index + 1)
        elif isinstance(reader, keras.layers.LayerNormalization):
            counts.append(_tokens_read(reader, outputs))
        else:
            return 0
    return max(counts) if counts and all(counts) else 0


def gelu(x):
    """Computes exact GELU of `x`, a tensor of any shape, by the error function."""
    return 0.5 * x * (1 + ops.erf(x * 2**-0.5))
