"""Hugging Face's models: ViT, DeiT, MAE's encoder and DINOv2, with and without a head."""

import re

import numpy as np

from keras_vit.checkpoints.architecture import Architecture
from keras_vit.checkpoints.arrays import (
    count_blocks,
    grid_from,
    grid_of,
    has_part,
    has_prefix,
    named_once,
    shape_of,
)
from keras_vit.checkpoints.config_values import by_number, value_of
from keras_vit.checkpoints.families import IMAGENET, heads_of
from keras_vit.checkpoints.image_processors import read_processor
from keras_vit.checkpoints.mapping import Entry, convolution, dense, norm, same
from keras_vit.errors import UserError
from keras_vit.models import ViTConfig

NAME = "Hugging Face"
MODELS = r"(?:vit|deit|dinov2|dinov2_with_registers)\."
PREFIX = re.compile(f"^{MODELS}")
# DINOv2's token for masked patches in training, ViT's pooler, which no classifier uses, and MAE's
# decoder.
UNUSED = re.compile(r"^(embeddings\.mask_token$|pooler\.|decoder\.)")
MADE_UP = re.compile(r"LABEL_\d+")
PATCHES = "embeddings.patch_embeddings.projection"
PROJECTION = re.compile(rf"((?:[^.]+\.)*?)(?:{MODELS})?{re.escape(PATCHES)}\.(?:weight|bias)$")
ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_new": "gelu_tanh",
    "quick_gelu": "quick_gelu",
}


def matches(arrays):
    """Returns whether `arrays`, a dictionary by name, have the names of one of these models.

    Raises:
        ValueError: If `normalise` does.
    """
    names = normalise(arrays)
    return has_prefix(names, PATCHES) and has_prefix(names, "encoder.layer.0.attention.attention.")


def normalise(arrays):
    """Drops the model's name from the names of arrays, and the arrays that we do not use.

    Args:
        arrays: Arrays by their names in the file.

    Returns:
        Arrays by the names that `architecture` and `table` use.

    Raises:
        ValueError: If two arrays get the same name.
    """
    arrays = named_once((PREFIX.sub("", name), array) for name, array in arrays.items())
    return {name: array for name, array in arrays.items() if not UNUSED.match(name)}


def read_config(config):
    """Reads what `config.json` and `preprocessor_config.json` say about the model.

    Args:
        config: The object of `config.json`; that of the other file is its `preprocessor_config`.

    Returns:
        A dictionary of what is known of `num_heads`, `norm_epsilon`, `class_names`, `activation`,
        `image_size`, and what `read_processor` returns.

    Raises:
        ValueError: If a value has the wrong type or makes no sense, or the activation is unknown.
    """
    settings = {
        "num_heads": value_of(config, "num_attention_heads", "an integer"),
        "norm_epsilon": value_of(config, "layer_norm_eps", "a number"),
        "class_names": _class_names(config),
    }
    activation = value_of(config, "hidden_act", "a text")
    if activation and not config.get("use_swiglu_ffn"):
        if activation not in ACTIVATIONS:
            raise UserError(f"config.json has hidden_act={activation!r}, which is unknown.")
        settings["activation"] = ACTIVATIONS[activation]
    if isinstance(config.get("image_size"), list):
        settings["image_size"] = _tuple(value_of(config, "image_size", "integers"))
    elif side := value_of(config, "image_size", "an integer"):
        settings["image_size"] = (side, side)
    if (processor := value_of(config, "preprocessor_config", "an object")) is not None:
        settings |= read_processor(processor, config.get("model_type"))
    return {name: value for name, value in settings.items() if value is not None}


def _tuple(values):
    return values and tuple(values)


def _class_names(config):
    """Returns the class names of a configuration, `None` for made-up ones such as `LABEL_0`."""
    numbered = by_number(value_of(config, "id2label", "an object") or {})
    if not all(isinstance(name, str) and name for name in numbered):
        return None
    return None if all(map(MADE_UP.fullmatch, numbered)) else numbered


def architecture(arrays, *, num_heads=None, grid=None, image_size=None, is_ours=False, pool=None):
    """Reads the architecture off names and shapes.

    Args:
        arrays: Arrays by name, as `normalise` returns them.
        num_heads: Attention heads; by default as many as published models of this width
            have.
        grid: Rows and columns of patches; by default what `image_size` makes, or a
            square.
        image_size: Height and width in the configuration, in pixels, or `None`.
        is_ours: Not used: only timm's format is exported.
        pool: Not used: the arrays show the pooling.

    Returns:
        An `Architecture`.

    Raises:
        ValueError: If an array that shows a size is missing or has another shape, the number of
            heads is not known, or the positions do not fill the grid.
    """
    width, channels, patch_size, _ = shape_of(arrays, f"{PATCHES}.weight", 4)
    tokens = [
        name for name in ("cls_token", "distillation_token") if f"embeddings.{name}" in arrays
    ]
    count = shape_of(arrays, "embeddings.position_embeddings", 3)[1]
    grid = grid_of(count - len(tokens), grid or grid_from(image_size, patch_size))
    dino = has_part(arrays, ".norm1.", ".layer_scale1.")
    gated = has_part(arrays, ".mlp.weights_")
    last = _mlp_names("encoder.layer.0", dino, gated)[1]
    has_registers = "embeddings.register_tokens" in arrays
    head = _head(arrays)
    has_head = has_part(arrays, f"{head}.")
    classes, inputs = shape_of(arrays, f"{head}.weight", 2) if has_head else (0, width)
    config = ViTConfig(
        image_size=(grid[0] * patch_size, grid[1] * patch_size),
        patch_size=patch_size,
        channels=channels,
        width=width,
        depth=count_blocks(arrays, re.compile(r"encoder\.layer\.(\d+)\.")),
        mlp_dim=shape_of(arrays, f"{last}.weight", 2)[1],
        num_heads=num_heads or heads_of(width),
        class_token="cls_token" in tokens,
        distillation_token="distillation_token" in tokens,
        num_registers=shape_of(arrays, "embeddings.register_tokens", 3)[1] if has_registers else 0,
        activation="swiglu" if gated else "gelu",
        norm_epsilon=1e-6 if dino else 1e-12,
        qkv_bias=has_part(arrays, "attention.query.bias", "attention.key.bias"),
        layer_scale=1.0 if dino else None,
    )
    imagenet = dino or "distillation_token" in tokens
    return Architecture(
        config=config,
        # DINOv2's classifier reads the class token and the mean of the patches.
        pool="class_token_and_mean" if dino and inputs == 2 * width else "class_token",
        num_classes=classes,
        distillation_head=has_part(arrays, "distillation_classifier."),
        **(IMAGENET if imagenet else {}),
    )


def _head(arrays):
    return "cls_classifier" if has_part(arrays, "cls_classifier.") else "classifier"


def table(architecture, arrays):
    """Returns which of the checkpoint's arrays each weight of a model is made of.

    Args:
        architecture: The `Architecture` of the model.
        arrays: Arrays by name, as `normalise` returns them.

    Returns:
        A dictionary from the path of each weight of ours to an `Entry`.
    """
    config = architecture.config
    entries = {
        "embed/projection/kernel": convolution(f"{PATCHES}.weight", config.patch_size),
        "embed/projection/bias": same(f"{PATCHES}.bias"),
        "embed/positions": same("embeddings.position_embeddings"),
    }
    if config.class_token:
        entries["embed/class_token"] = same("embeddings.cls_token")
    if config.distillation_token:
        entries["embed/distillation_token"] = same("embeddings.distillation_token")
    if config.num_registers:
        entries["embed/registers"] = same("embeddings.register_tokens")
    for index in range(config.depth):
        entries |= _block(f"block{index:02d}", f"encoder.layer.{index}", config)
    entries |= norm("norm", "layernorm")
    if architecture.num_classes:
        entries |= dense("head", _head(arrays))
    if architecture.distillation_head:
        entries |= dense("distillation_head", "distillation_classifier")
    return entries


def _block(ours, theirs, config):
    dino = config.layer_scale is not None
    first, second = ("norm1", "norm2") if dino else ("layernorm_before", "layernorm_after")
    hidden, out = _mlp_names(theirs, dino, config.activation == "swiglu")
    entries = norm(f"{ours}/norm1", f"{theirs}.{first}") | norm(
        f"{ours}/norm2", f"{theirs}.{second}"
    )
    parts = [f"{theirs}.attention.attention.{part}" for part in ("query", "key", "value")]
    entries[f"{ours}/attention/qkv/kernel"] = Entry(
        tuple(f"{part}.weight" for part in parts), lambda *each: np.concatenate(each).T
    )
    if config.qkv_bias:
        entries[f"{ours}/attention/qkv/bias"] = Entry(
            tuple(f"{part}.bias" for part in parts), lambda *each: np.concatenate(each)
        )
    entries |= dense(f"{ours}/attention/out", f"{theirs}.attention.output.dense")
    entries |= dense(f"{ours}/mlp/hidden", hidden) | dense(f"{ours}/mlp/out", out)
    if dino:
        for number in (1, 2):
            entries[f"{ours}/scale{number}/scale"] = same(f"{theirs}.layer_scale{number}.lambda1")
    return entries


def _mlp_names(block, dino, gated):
    """Returns the names of the two dense layers of a block's MLP."""
    if gated:
        return f"{block}.mlp.weights_in", f"{block}.mlp.weights_out"
    if dino:
        return f"{block}.mlp.fc1", f"{block}.mlp.fc2"
    return f"{block}.intermediate.dense", f"{block}.output.dense"
