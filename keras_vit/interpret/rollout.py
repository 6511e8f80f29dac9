"""Attention rollout: how much of an answer flows from each patch, through all blocks."""

import keras
from keras import ops

from keras_vit.errors import UserError
from keras_vit.interpret.anatomy import anatomy, question
from keras_vit.interpret.gradients import with_gradients
from keras_vit.interpret.intercept import intercepted
from keras_vit.layers import AttentionPool, ClassTokenAndMeanPool, MeanPool, SequencePool

FUSIONS = {"mean": ops.mean, "max": ops.max, "min": ops.min}


def raw_attention(model, *, block=-1, head=None):
    """Returns a function that maps where one block attends to.

    The attention is that of the tokens that the model pools: the class token, all patches equally,
    both with one half each, or those that an attention pool attends to.

    Args:
        model: A model that `keras_vit.tasks.classifier` or `features` built.
        block: Index of the block; negative ones count from the last.
        head: Index of the head; `None` for the mean of all.

    Returns:
        A `Callable[[tensor], tensor]`: it takes images `(B, H, W, C)`, 0 to 255, and returns maps
        `(B, h, w)`, float32, one number per patch: the share of the attention that a patch gets.

    Raises:
        ValueError: If the model has no blocks or does not pool, there is no such block or head, or
            attention stays within windows.
    """
    parts = _pooling(model)
    count, heads = len(parts.blocks), parts.blocks[0].num_heads
    if not -count <= block < count:
        raise UserError(f"`block` must lie in [-{count}, {count}): received {block}.")
    if head is not None and not 0 <= head < heads:
        raise UserError(f"`head` must lie in [0, {heads}): received {head}.")
    inputs = keras.Model(model.input, [parts.blocks[block].input, parts.pool.input])

    def attention(images):
        tokens, last = inputs(images, training=False)
        scores = _float(parts.blocks[block].attention_scores(tokens))  # B h T T
        scores = ops.mean(scores, axis=1) if head is None else scores[:, head]
        flow = _beginning(parts, last, tokens.shape[1])
        return parts.to_map(ops.einsum("bt,bts->bs", flow, scores))

    return attention


def attention_rollout(model, *, fusion="mean", discard=0.0, first=0):
    """Returns a function that maps how much of a model's answer flows from each patch.

    "Quantifying Attention Flow in Transformers" (arXiv:2005.00928, section 3.2): the scores of a
    block, averaged over its heads, and its residual path weigh one half each, and the matrices of
    the blocks are multiplied. The flow begins where the model pools: at the class token, at all
    patches equally, at both with one half each, or at the tokens that an attention pool attends to.
    The shares of class, distillation and register tokens are dropped, and those of the patches are
    scaled to sum to 1.

    Args:
        model: A model that `keras_vit.tasks.classifier` or `features` built.
        fusion: How the heads are joined: `"mean"`, `"max"` or `"min"`.
        discard: Share of the joined scores of a block, the lowest ones, that are taken for 0, in
            `[0, 1)`; those of prefix tokens stay.
        first: Index of the first block that counts.

    Returns:
        A `Callable[[tensor], tensor]`: it takes images `(B, H, W, C)`, 0 to 255, and returns maps
        `(B, h, w)`, float32, one number per patch. A call costs a forward pass and the scores of
        each block once more.

    Raises:
        ValueError: If the model has no blocks or does not pool, attention stays within windows, or
            an argument is out of its range.
    """
    parts = _pooling(model)
    if fusion not in FUSIONS:
        raise UserError(f"`fusion` must be one of {', '.join(FUSIONS)}: received {fusion!r}.")
    if not 0 <= discard < 1:
        raise UserError(f"`discard` must lie in [0, 1): received {discard}.")
    blocks = _from(parts.blocks, first)
    inputs = keras.Model(model.input, [*(block.input for block in blocks), parts.pool.input])
    sums_to_one = fusion == "mean" and not discard

    def rollout(images):
        *tokens, last = inputs(images, training=False)
        flow = _beginning(parts, last, tokens[-1].shape[1])  # B T
        for block, x in zip(reversed(blocks), reversed(tokens), strict=True):
            scores = FUSIONS[fusion](_float(block.attention_scores(x)), axis=1)  # B T T
            if discard:
                scores = _without_lowest(scores, discard, parts.prefix)
            if not sums_to_one:  # the row of a token, and 1 for the residual path
                flow = flow / (1 + ops.sum(scores, axis=-1))
                flow = flow + ops.einsum("bt,bts->bs", flow, scores)
            else:
                flow = (flow + ops.einsum("bt,bts->bs", flow, scores)) / 2
        return _shares(parts, flow)

    return rollout


def gradient_rollout(model, target=None, *, first=0):
    """Returns a function that maps what of an image speaks for one answer, by attention.

    "Generic Attention-model Explainability" (arXiv:2103.15679, equations 5 and 6): the scores of a
    block count by the gradient of the answer, where that is positive, on the mean of the heads.

    Args:
        model: As `attention_rollout` takes it.
        target: What is explained, as `keras_vit.interpret.anatomy.question` takes it.
        first: Index of the first block that counts.

    Returns:
        A function as `attention_rollout` returns it; a map of no positive gradient is zero.

    Raises:
        ValueError: If the model has no blocks, does not pool or has no such answer, or attention
            stays within windows.
    """
    return weighted_rollout(model, question(model, target), first=first)


def weighted_rollout(model, asked, *, first=0, rules=None):
    """Rollout whose scores count by the gradient of what is asked.

    Args:
        model: As `attention_rollout` takes it.
        asked: A `keras_vit.interpret.anatomy.Question`.
        first: Index of the first block that counts.
        rules: A second way to propagate back, as `keras_vit.interpret.relevance` has them, which
            gives the relevance of the scores in place of the scores themselves.

    Returns:
        A function as `gradient_rollout` returns it.
    """
    parts = _pooling(model)
    blocks = _from(parts.blocks, first)

    def rollout(images):
        images = ops.convert_to_tensor(images)
        scores, gradients, tokens = _scores_and_gradients(asked, parts, blocks, images)
        if rules is not None:
            found, by_rules, _ = _scores_and_gradients(asked, parts, blocks, images, rules)
            scores = [each * slope for each, slope in zip(found, by_rules, strict=True)]
        flow = beginning = _beginning(parts, tokens, scores[-1].shape[-1])
        for each, slope in zip(reversed(scores), reversed(gradients), strict=True):
            weighed = ops.mean(ops.relu(_float(each * slope)), axis=1)  # B T T
            flow = flow + ops.einsum("bt,bts->bs", flow, weighed)
        return _shares(parts, flow - beginning)

    return rollout


def _scores_and_gradients(asked, parts, blocks, images, rules=()):
    """Returns the scores of the blocks `(B, h, T, T)`, their gradients, and the pool's tokens."""
    seen = {}

    def run(tap):
        def attended(name):
            return lambda call, scores, **how: tap(name, call(scores, **how))

        def pooled(call, tokens, **how):
            seen["tokens"] = tokens
            return call(tokens, **how)

        taps = [
            (block.attention.attention_dropout, "call", attended(block.name)) for block in blocks
        ]
        with intercepted(*rules, *taps, (parts.pool, "call", pooled)):
            return asked.score(images)

    _, scores, gradients = with_gradients(run)
    names = [block.name for block in blocks]
    return [scores[name] for name in names], [gradients[name] for name in names], seen["tokens"]


def _pooling(model):
    """Returns the anatomy of a model that pools and whose blocks attend to all tokens."""
    parts = anatomy(model)
    if parts.pool is None:
        raise UserError(f"The model {model.name!r} does not pool its tokens.")
    if parts.has_windows:
        raise UserError("Attention to all patches is explained: received windows.")
    return parts


def _from(blocks, first):
    if not 0 <= first < len(blocks):
        raise UserError(f"`first` must lie in [0, {len(blocks)}): received {first}.")
    return blocks[first:]


def _float(scores):
    return ops.cast(scores, "float32")


def _without_lowest(scores, share, prefix):
    """Sets the lowest scores of patches to 0, a share of each matrix `(B, T, T)`."""
    tokens = scores.shape[-1]
    flat = ops.reshape(scores[:, :, prefix:], (-1, tokens * (tokens - prefix)))
    limit = ops.sort(flat, axis=1)[:, int(share * flat.shape[1])]
    stays = (scores >= limit[:, None, None]) | (ops.arange(tokens) < prefix)
    return ops.where(stays, scores, 0.0)


def _shares(parts, flow):
    """Returns the patches' part of a flow `(B, T)` as maps that sum to 1, or are zero."""
    flow = flow[:, parts.prefix :]
    return parts.to_map(ops.divide_no_nan(flow, ops.sum(flow, axis=1, keepdims=True)))


def _beginning(parts, tokens, count):
    """Returns the share that the pool takes of each of `count` tokens, `(B, T)`, summing to 1.

    The pool may be given fewer tokens: an export computes only those that it reads.
    """
    pool, prefix = parts.pool, parts.prefix
    if isinstance(pool, AttentionPool):
        return ops.mean(_float(pool.attention_scores(tokens)), axis=1)[:, 0]
    if isinstance(pool, SequencePool):
        return _float(pool.weigh(tokens))[:, 0]
    places = ops.arange(count)
    mean = _float(places >= prefix) / (count - prefix)
    if isinstance(pool, MeanPool):
        weights = mean
    elif isinstance(pool, ClassTokenAndMeanPool):
        weights = (_float(places == 0) + mean) / 2
    else:
        weights = _float(places == pool.index)
    return ops.broadcast_to(weights[None], (ops.shape(tokens)[0], count))
