"""Learning rates and freezing by a weight's path, which is its place in the model."""

import re
from collections.abc import Callable

import keras

from keras_vit.errors import UserError

BLOCK = re.compile(r"(?:block|positions)(\d+)/")  # `positions03` follows `block03`
HEAD = re.compile(r"(distillation_)?head/")


def layerwise(
    build: Callable[[float, bool], keras.optimizers.Optimizer],
    *,
    depth,
    decay,
    head_first=False,
):
    """Builds an optimizer whose learning rates fall from the head to the patches.

    The learning rate of weights at depth `l` is multiplied by `decay ** (depth + 1 - l)`. The
    embedding is at depth 0, block `i` (from 0) at `i + 1`, and norm, pool and head at `depth + 1`
    ("BEiT", arXiv:2106.08254, appendix H, as MAE's fine-tuning has it).

    Args:
        build: `build(factor, waits_for_head)` returns the optimizer of one group of weights, whose
            learning rate is multiplied by `factor` and, if `waits_for_head`, is 0 at first.
        depth: Number of blocks.
        decay: Factor of the rate from one depth to the one below, in `(0, 1]`.
        head_first: Whether the learning rates of all weights except those of the heads are 0 at
            first.

    Returns:
        A `keras.optimizers.MultiOptimizer`; where all weights are one group, what `build` returned.

    Raises:
        ValueError: If `decay` is outside of `(0, 1]`.
    """
    if not 0 < decay <= 1:
        raise UserError(f"`decay` must lie in (0, 1]: received decay={decay}.")
    if decay == 1 and not head_first:
        return build(1.0, False)
    optimizers = {}

    def optimizer_of(variable):
        is_head = HEAD.match(variable.path) is not None
        group = decay ** (depth + 1 - depth_of(variable.path, depth)), head_first and not is_head
        if group not in optimizers:
            optimizers[group] = build(*group)
        return optimizers[group]

    return keras.optimizers.MultiOptimizer(optimizer_of)


def depth_of(path, depth):
    """Returns the depth of a weight in the model, an integer from 0 to `depth + 1`.

    Args:
        path: The weight's path, for example `block03/attention/qkv/kernel`.
        depth: Number of blocks.
    """
    block = BLOCK.match(path)
    if block:
        return int(block[1]) + 1
    return 0 if path.startswith(("patches/", "embed/", "pre_norm/")) else depth + 1


def name_of_group(paths):
    """Names the weights that share a learning rate, for example `block03` or `head`.

    Args:
        paths: Paths of the weights of one of `layerwise`'s groups.

    Returns:
        The name of their layer where that is one; `embed` and `head` for the groups below and above
        the blocks; else `backbone`.
    """
    layers = {path.split("/")[0] for path in paths}
    if len(layers) == 1:
        return layers.pop()
    if any(BLOCK.match(path) for path in paths):
        return "backbone"
    if any(HEAD.match(path) for path in paths):
        return "head"
    return "embed" if "embed" in layers else "norm"


def freeze(model, pattern):
    """Freezes the weights whose paths match a pattern: training leaves them as they are.

    Args:
        model: A Keras model, not yet compiled.
        pattern: A regular expression, searched in paths such as `block03/attention/qkv/kernel`;
            `^(embed|block0[0-5])/` freezes the lower half of a ViT-B.

    Returns:
        How many weights were frozen.

    Raises:
        ValueError: If `pattern` is no regular expression, or matches none or all of the weights.
    """
    try:
        chosen = [v for v in model.trainable_variables if re.search(pattern, v.path)]
    except re.error as error:
        raise UserError(f"The pattern {pattern!r} is no regular expression: {error}.") from error
    if not chosen or len(chosen) == len(model.trainable_variables):
        which = "all" if chosen else "none"
        raise UserError(
            f"The pattern must match some weights and not others: {pattern!r} matches {which} of "
            f"{len(model.trainable_variables)}, for example {model.trainable_variables[0].path}."
        )
    for variable in chosen:
        variable.trainable = False
    return len(chosen)
