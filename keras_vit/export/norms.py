"""Norms in operations that every format has, down to integers."""

import math

from keras import ops


def layer_norm(normed, layer, x):
    """Normalises `x` as a `LayerNormalization` does.

    Args:
        normed: `normed` or `normed_in_16_bits`.
        layer: A built `LayerNormalization` over the last axis, with gamma and beta.
        x: Tensor `(..., D)`.

    Returns:
        A tensor `(..., D)`.
    """
    return normed(x, layer.epsilon) * layer.gamma + layer.beta


def group_norm(normed, layer, x):
    """Normalises maps as a `GroupNormalization` does, in four axes where Keras needs five.

    Args:
        normed: `normed` or `normed_in_16_bits`.
        layer: A built `GroupNormalization` over the last axis, with gamma and beta.
        x: Maps `(B, H, W, C)`, or tokens `(B, T, C)`.

    Returns:
        A tensor of this shape.
    """
    _, *sides, channels = x.shape
    places, groups = math.prod(sides), layer.groups
    x = ops.reshape(x, (-1, places, groups, channels // groups))  # B N g c
    x = ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, groups, places * channels // groups))
    x = ops.reshape(normed(x, layer.epsilon), (-1, groups, places, channels // groups))
    x = ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, *sides, channels))
    return x * layer.gamma + layer.beta


def normed(x, epsilon):
    """Returns `x` `(..., D)` with mean 0 and variance 1 along the last axis, without a negation.

    Keras subtracts the mean by adding its negative, and LiteRT has no negation in 8 or 16 bits.

    Args:
        x: Tensor `(..., D)`.
        epsilon: Is added to the variance.
    """
    centred = x - ops.mean(x, axis=-1, keepdims=True)
    variance = ops.mean(centred * centred, axis=-1, keepdims=True)
    return centred * ops.rsqrt(variance + epsilon)


def normed_in_16_bits(x, epsilon):
    """Returns what `normed` does, in steps for which 16 bits are enough.

    Vision Transformers have tokens whose values are a hundred times larger than those of others
    (arXiv:2309.16588), and one scale must hold them all. Stored squares would lose the small ones,
    so the mean square is computed as a matrix product, whose sum LiteRT keeps in 64 bits. LiteRT's
    16-bit inverse root is a table of 512 steps, so the root is taken first. A second normalisation
    corrects what is still lost in the scale of a token.

    Args:
        x: Tensor `(..., D)`.
        epsilon: Is added to the variance.
    """
    centred = x - ops.mean(x, axis=-1, keepdims=True)
    part = centred * x.shape[-1] ** -0.5
    variance = ops.matmul(ops.expand_dims(part, -2), ops.expand_dims(part, -1))[..., 0]
    root = ops.rsqrt(ops.sqrt(variance + epsilon))
    inverse = root * root
    x = centred * inverse
    # The mean square and the share of epsilon sum to 1, except for rounding.
    whole = ops.mean(x * x, axis=-1, keepdims=True) + epsilon * inverse * inverse
    return x * ops.rsqrt(whole)
