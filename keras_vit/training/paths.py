"""What depends on a weight's place in the model: its learning rate, and whether it is trained."""

import re
from collections.abc import Callable

import keras

from keras_vit.errors import UserError

BLOCK = re.compile(r"block(\d+)/")
HEAD = re.compile(r"(distillation_)?head/")


def layerwise(
    build: Callable[[float, bool], keras.optimizers.Optimizer],
    *,
    depth,
    decay,
    head_first=False,
):
    """Builds an optimizer whose learning rates fall from the head to the patches.

    Weights at depth `l` get `decay ** (depth + 1 - l)` of the rate: the embedding is at 0, block
    `i` at `i + 1`, norm, pool and head at `depth + 1`, which keep the rate as it is ("BEiT",
    arXiv:2106.08254, appendix H; as MAE's fine-tuning does it).

    Args:
        build: `build(factor, waits_for_head)` makes the optimizer of a group of weights, whose
            learning rate is multiplied by `factor` and stays 0 at first if `waits_for_head`.
        depth: Number of blocks.
        decay: Factor of the rate from one depth to the one below, in `(0, 1]`.
        head_first: Whether all weights except those of the heads wait.

    Returns:
        A `keras.optimizers.Optimizer`; a `MultiOptimizer` unless there is one group of weights.

    Raises:
        ValueError: If `decay` is out of its range.
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
    """Says at which depth the weight of a path stands, 0 to `depth + 1`."""
    block = BLOCK.match(path)
    if block:
        return int(block[1]) + 1
    return 0 if path.startswith(("embed/", "pre_norm/")) else depth + 1


def freeze(model, pattern):
    """Keeps the weights whose paths match from being trained.

    Args:
        model: A Keras model, not yet compiled.
        pattern: A regular expression, searched in paths such as `block03/attention/qkv/kernel`;
            `^(embed|block0[0-5])/` freezes the lower half of a B.

    Returns:
        How many weights were frozen.

    Raises:
        ValueError: If it is no regular expression, or none or all of the weights match.
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
