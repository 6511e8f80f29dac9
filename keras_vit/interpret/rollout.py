"""Attention rollout: how much of an answer flows from each patch, through all blocks."""

import keras
from keras import ops

from keras_vit.errors import UserError
from keras_vit.layers import AttentionPool, ClassTokenAndMeanPool, MeanPool


def attention_rollout(model):
    """Returns a function that maps how much of a model's answer flows from each patch.

    "Quantifying Attention Flow in Transformers" (arXiv:2005.00928, section 3.2): the scores of a
    block, averaged over its heads, and its residual path weigh one half each, and the matrices of
    the blocks are multiplied. The flow begins where the model pools: at the class token, at all
    patches equally, at both with one half each, or at the tokens that an attention pool attends to.
    The shares of class, distillation and register tokens are dropped, and those of the patches are
    scaled to sum to 1.

    Args:
        model: A model that `keras_vit.tasks.classifier` or `features` built.

    Returns:
        A `Callable[[tensor], tensor]`: it takes images `(B, H, W, C)`, 0 to 255, and returns maps
        `(B, h, w)`, float32, one number per patch. A call costs a forward pass and the scores of
        each block once more.

    Raises:
        ValueError: If the model has no blocks or does not pool.
    """
    layers = {layer.name: layer for layer in model.layers}
    blocks = [layer for name, layer in layers.items() if name.startswith("block")]
    if not blocks or "pool" not in layers:
        raise UserError(f"The model {model.name!r} has no blocks, or nothing that pools.")
    embed, pool = layers["embed"], layers["pool"]
    rows, columns = embed.grid
    prefix = embed.num_prefix_tokens
    inputs = keras.Model(model.input, [*(block.input for block in blocks), pool.input])

    def rollout(images):
        *tokens, last = inputs(images, training=False)
        flow = _beginning(pool, last, tokens[-1].shape[1], prefix)  # B T
        for block, x in zip(reversed(blocks), reversed(tokens), strict=True):
            scores = ops.mean(ops.cast(block.attention_scores(x), "float32"), axis=1)  # B T T
            flow = (flow + ops.einsum("bt,bts->bs", flow, scores)) / 2
        flow = flow[:, prefix:]
        flow = flow / ops.sum(flow, axis=1, keepdims=True)
        return ops.reshape(flow, (-1, rows, columns))

    return rollout


def _beginning(pool, tokens, count, prefix):
    """Returns the share that a pool takes from each of `count` tokens, `(B, T)`, summing to 1."""
    if isinstance(pool, AttentionPool):
        return ops.mean(ops.cast(pool.attention_scores(tokens), "float32"), axis=1)[:, 0]
    places = ops.arange(count)
    mean = ops.cast(places >= prefix, "float32") / (count - prefix)
    if isinstance(pool, MeanPool):
        weights = mean
    elif isinstance(pool, ClassTokenAndMeanPool):
        weights = (ops.cast(places == 0, "float32") + mean) / 2
    else:
        weights = ops.cast(places == pool.index, "float32")
    return ops.broadcast_to(weights[None], (ops.shape(tokens)[0], count))
