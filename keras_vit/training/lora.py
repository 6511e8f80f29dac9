"""Low-rank adaptation (LoRA): fine-tuning of few weights, merged into the kernels at the end."""

import re

import keras
from keras import ops

from keras_vit.errors import UserError
from keras_vit.keras_private import all_layers
from keras_vit.training.names import named_variables

QKV = re.compile(r"block\d+/attention/qkv$")
ALL = re.compile(r"block\d+/(attention/(qkv|out)|mlp/(hidden|out))$")
TRAINED = re.compile(r"/lora_kernel_[ab]$|^(distillation_)?head/")


@keras.saving.register_keras_serializable("keras_vit")
class NoKeys(keras.constraints.Constraint):
    """Keeps the middle third of `(..., 3*D)` zero: the keys of a fused projection."""

    def __call__(self, w):
        width = w.shape[-1] // 3
        kept = ops.arange(3 * width) // width != 1
        return w * ops.cast(kept, w.dtype)


def add_lora(model, *, rank, on="qv"):
    """Adds trained low-rank matrices to the blocks' kernels; freezes the rest except the heads.

    "LoRA: Low-Rank Adaptation of Large Language Models" (arXiv:2106.09685, section 4.1), as
    `keras.layers.Dense.enable_lora` has it, with `alpha = rank`.

    Args:
        model: A built model of ours, not yet compiled.
        rank: Rank of the addition to each kernel.
        on: `"qv"`, the queries and values of the fused projection, as section 7.1 recommends; or
            `"all"`, every dense layer of the blocks.

    Returns:
        How many kernels were adapted.

    Raises:
        ValueError: If `rank` is below 1 or `on` is neither of the two.
    """
    if rank < 1:
        raise UserError(f"`rank` must be at least 1: received rank={rank}.")
    if on not in ("qv", "all"):
        raise UserError(f"`on` must be qv or all: received {on!r}.")
    pattern = QKV if on == "qv" else ALL
    adapted = [layer for layer in _dense_layers(model) if pattern.match(layer.path)]
    for layer in adapted:
        layer.enable_lora(rank)
        if on == "qv":
            layer.lora_kernel_b.constraint = NoKeys()
    for weight in model.trainable_variables:
        weight.trainable = TRAINED.search(weight.path) is not None
    return len(adapted)


def copy_merged(model, plain):
    """Copies the weights of a model into a plain one, low-rank additions merged into the kernels.

    Weights of `model` that `plain` does not have, such as those of a teacher inside it, are left
    out.

    Args:
        model: The trained model, after `add_lora` or not.
        plain: The same model without low-rank additions; its weights are set.

    Raises:
        ValueError: If `model` has no weight, or several, of the name and shape of one of `plain`.
    """
    weights = named_variables(model)
    names = {id(weight): name for name, weight in weights.items()}
    values = dict(weights)
    for layer in _dense_layers(model):
        if layer.lora_enabled:
            kernel = next(w for w in layer.weights if w.path == f"{layer.path}/kernel")
            values[names[id(kernel)]] = layer.kernel
    targets = {
        name: weight
        for name, weight in named_variables(plain).items()
        if any(weight is each for each in plain.weights)
    }
    for name, target in targets.items():
        if f"{name}#2" in values:
            raise UserError(f"Weights are copied by their paths: two of them are called {name}.")
        if name not in values or values[name].shape != target.shape:
            raise UserError(
                f"The model that was trained has no weight {name} of the shape "
                f"{tuple(target.shape)}."
            )
    for name, target in targets.items():
        target.assign(values[name])


def _dense_layers(model):
    return [layer for layer in all_layers(model) if isinstance(layer, keras.layers.Dense)]
