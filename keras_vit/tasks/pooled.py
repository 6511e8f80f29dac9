"""Features: one vector per image."""

import keras

from keras_vit.choices import POOLS
from keras_vit.errors import UserError
from keras_vit.keras_private import origin
from keras_vit.layers import (
    AttentionPool,
    ClassTokenAndMeanPool,
    MeanPool,
    SequencePool,
    TokenPool,
)

LAYERS = TokenPool | MeanPool | ClassTokenAndMeanPool | AttentionPool | SequencePool


def features(backbone, *, pool=None):
    """Extends a backbone to a model from images `(B, H, W, C)` to features `(B, D)`.

    The result is one flat model: the layers of the backbone, whose weights it shares, then `pool`.

    Args:
        backbone: A model that `keras_vit.models.vit` built.
        pool: `"class_token"`, `"mean"` over the patches, `"class_token_and_mean"`, which joins both
            to `(B, 2*D)`, `"attention"` (a MAP head), or `"sequence"`, a mean whose weights are
            learned (`SequencePool`); by default the class token if the backbone has one, else the
            mean. If the backbone has no last norm, a layer `pool_norm` follows.

    Returns:
        A `keras.Model` named `"features"`.

    Raises:
        ValueError: If `pool` is unknown or needs a class token that the backbone lacks.
    """
    return keras.Model(backbone.input, pooled(backbone, pool), name="features")


def pooled(backbone, pool=None):
    """Pools the tokens `(B, T, D)` of a backbone as `features` does, without making a model.

    Args:
        backbone: A model that `keras_vit.models.vit` built.
        pool: As `features` takes it.

    Returns:
        A symbolic tensor `(B, D)` in the graph of the backbone, or `(B, 2*D)` for
        `"class_token_and_mean"`.

    Raises:
        ValueError: If `pool` is unknown or needs a class token that the backbone lacks.
    """
    block = backbone.get_layer("block00")
    x = _pooling(backbone.get_layer("embed"), block, pool)(backbone.output)
    if backbone.layers[-1].name != "norm":
        norm = keras.layers.LayerNormalization(epsilon=block.norm_epsilon, name="pool_norm")
        x = norm(x)
    return x


def ends_in_features(model):
    """Says whether a model, any `keras.Model`, answers with features: one that `features` built."""
    found, output = pooled_of(model), getattr(model, "output", None)
    if found is None or not isinstance(output, keras.KerasTensor):
        return False
    return origin(found)[0] is origin(output)[0]


def pooled_of(model):
    """Finds the features in a model that extends those of `features`, such as a classifier.

    Args:
        model: A `keras.Model`.

    Returns:
        A symbolic tensor in the graph of the model, what `pooled` returned; `None` where the model
        does not pool, or is none of ours.
    """
    layers = {layer.name: layer for layer in model.layers}
    if not isinstance(layers.get("pool"), LAYERS):
        return None
    return layers.get("pool_norm", layers["pool"]).output


def _pooling(embed, block, pool):
    if pool is None:
        pool = "class_token" if embed.class_token else "mean"
    if pool in ("class_token", "class_token_and_mean") and not embed.class_token:
        raise UserError(f"pool={pool!r} needs a backbone with class_token=True.")
    if pool == "class_token":
        return TokenPool(0, name="pool")
    if pool == "class_token_and_mean":
        return ClassTokenAndMeanPool(embed.num_prefix_tokens, name="pool")
    if pool == "mean":
        return MeanPool(embed.num_prefix_tokens, name="pool")
    if pool == "sequence":
        return SequencePool(name="pool")
    if pool == "attention":
        return AttentionPool(
            block.num_heads,
            block.mlp_dim,
            activation=block.activation,
            norm_epsilon=block.norm_epsilon,
            name="pool",
        )
    raise UserError(f"`pool` must be one of {', '.join(POOLS)}: received {pool!r}.")
