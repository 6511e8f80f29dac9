"""Google's `.npz` files: vision_transformer's ViT, AugReg, hybrids; big_vision's `params/...`.

Both are Flax modules. They differ in the numeric suffixes and in whether the class token has a
position: vision_transformer's has one. Flax' GELU is the tanh approximation.
"""

import re

import numpy as np

from keras_vit.checkpoints.architecture import Architecture
from keras_vit.checkpoints.arrays import (
    count_blocks,
    grid_of,
    has_part,
    has_prefix,
    named_once,
    shape_of,
)
from keras_vit.checkpoints.hybrids import cut_side, google_entries, google_stem
from keras_vit.checkpoints.mapping import Entry, same
from keras_vit.errors import UserError
from keras_vit.models import ViTConfig

NAME = "Google"
PROJECTION = re.compile(r"((?:[^/]+/)*?)(?:params/(?:img/)?)?embedding/(?:kernel|bias)$")
BLOCK = "Transformer/encoderblock_"
POSITIONS = "Transformer/posembed_input/pos_embedding"  # big_vision: pos_embedding
SIDE = 224  # pixels of an image, which fixed positions do not show


def matches(arrays):
    """Returns whether `arrays`, a dictionary by name, have the names of one of Google's formats.

    Raises:
        ValueError: If `normalise` does.
    """
    names = normalise(arrays)
    return has_prefix(names, "embedding/") and has_prefix(names, BLOCK)


def normalise(arrays):
    """Drops big_vision's `params/` and text towers, and splits stacked blocks.

    Args:
        arrays: Arrays by their names in the file.

    Returns:
        Arrays by the names that `architecture` and `table` use.

    Raises:
        ValueError: If two arrays get the same name, or a stack of blocks is one number.
    """
    return named_once(_parts(arrays))


def _parts(arrays):
    # SigLIP has a tower for images and one for texts: keep that for images.
    root = "params/img/" if any(name.startswith("params/img/") for name in arrays) else ""
    for name, array in arrays.items():
        if not name.startswith(root):
            continue
        name = name.removeprefix(root).removeprefix("params/")
        if "/encoderblock/" not in name:
            yield name, array
        elif not array.ndim:
            raise UserError(f"{name} must hold one array per block: received a number.")
        else:
            for index, part in enumerate(array):
                yield name.replace("/encoderblock/", f"/encoderblock_{index}/"), part


def read_config(config):
    """Returns an empty dictionary whatever `config` holds: Google's files have no configuration."""
    return {}


def architecture(arrays, *, num_heads=None, grid=None, image_size=None, is_ours=False, pool=None):
    """Reads the architecture off names and shapes.

    Args:
        arrays: Arrays by name, as `normalise` returns them.
        num_heads: Attention heads; by default as many as the arrays show.
        grid: Rows and columns of patches; by default a square, or for fixed
            positions that of an image of 224 pixels.
        image_size: Not used: the positions show the grid.
        is_ours: Not used: only timm's format is exported.
        pool: Not used: the arrays show the pooling.

    Returns:
        An `Architecture`.

    Raises:
        ValueError: If an array that shows a size is missing or has another shape, `num_heads`
            contradicts the arrays, or the positions do not fill the grid.
    """
    big_vision = not has_part(arrays, "/MlpBlock_3/")
    patch_size, _, channels, width = shape_of(arrays, "embedding/kernel", 4)
    if stem := google_stem(arrays):
        channels, patch_size = stem.pop("channels"), cut_side(stem, patch_size)
    attention = "MultiHeadDotProductAttention_0" if big_vision else "MultiHeadDotProductAttention_1"
    heads = shape_of(arrays, f"{BLOCK}0/{attention}/query/kernel", 3)[1]
    if num_heads not in (None, heads):
        raise UserError(f"The checkpoint has {heads} heads: received num_heads={num_heads}.")
    mlp = "MlpBlock_0" if big_vision else "MlpBlock_3"
    learned = not big_vision or "pos_embedding" in arrays
    if learned:
        count = shape_of(arrays, "pos_embedding" if big_vision else POSITIONS, 3)[1]
        grid = grid_of(count - ("cls" in arrays and not big_vision), grid)
    grid = grid or (SIDE // patch_size, SIDE // patch_size)
    config = ViTConfig(
        image_size=(grid[0] * patch_size, grid[1] * patch_size),
        patch_size=patch_size,
        **stem,
        channels=channels,
        width=width,
        depth=count_blocks(arrays, re.compile(rf"{BLOCK}(\d+)/")),
        mlp_dim=shape_of(arrays, f"{BLOCK}0/{mlp}/Dense_0/kernel", 2)[1],
        num_heads=heads,
        class_token="cls" in arrays,
        position="learned" if learned else "sincos_2d",
        prefix_positions=not big_vision,
        activation="gelu_tanh",
    )
    if has_part(arrays, "MAPHead_0/"):
        pool = "attention"
    else:
        pool = "class_token" if "cls" in arrays else "mean"
    has_hidden = has_part(arrays, "pre_logits/")
    return Architecture(
        config=config,
        pool=pool,
        num_classes=shape_of(arrays, "head/kernel", 2)[1] if has_prefix(arrays, "head/") else 0,
        pre_logits=shape_of(arrays, "pre_logits/kernel", 2)[1] if has_hidden else None,
    )


def table(architecture, arrays):
    """Returns which of the checkpoint's arrays each weight of a model is made of.

    Args:
        architecture: The `Architecture` of the model.
        arrays: Arrays by name, as `normalise` returns them.

    Returns:
        A dictionary from the path of each weight of ours to an `Entry`.
    """
    config = architecture.config
    big_vision = not has_part(arrays, "/MlpBlock_3/")
    heads = config.num_heads
    entries = _dense("embed/projection", "embedding", kernel=_flat(-1))
    if config.stem == "resnet":
        entries |= google_entries(config)
    if config.position == "learned":
        entries["embed/positions"] = same("pos_embedding" if big_vision else POSITIONS)
    if config.class_token:
        entries["embed/class_token"] = same("cls")
    for index in range(config.depth):
        ours, theirs = f"block{index:02d}", f"{BLOCK}{index}"
        second, attention, mlp = (1, 0, 0) if big_vision else (2, 1, 3)
        entries |= _norm(f"{ours}/norm1", f"{theirs}/LayerNorm_0")
        entries |= _norm(f"{ours}/norm2", f"{theirs}/LayerNorm_{second}")
        attention = f"{theirs}/MultiHeadDotProductAttention_{attention}"
        entries |= _joined(f"{ours}/attention/qkv", attention, ("query", "key", "value"), heads)
        entries |= _dense(f"{ours}/attention/out", f"{attention}/out", kernel=_out(heads))
        entries |= _mlp(f"{ours}/mlp", f"{theirs}/MlpBlock_{mlp}")
    entries |= _norm("norm", "Transformer/encoder_norm")
    if architecture.pool == "attention":
        attention = "MAPHead_0/MultiHeadDotProductAttention_0"
        entries["pool/probe"] = same("MAPHead_0/probe")
        entries |= _joined("pool/query", attention, ("query",), heads)
        entries |= _joined("pool/key_value", attention, ("key", "value"), heads)
        entries |= _dense("pool/out", f"{attention}/out", kernel=_out(heads))
        entries |= _norm("pool/norm", "MAPHead_0/LayerNorm_0")
        entries |= _mlp("pool/mlp", "MAPHead_0/MlpBlock_0")
    if architecture.pre_logits:
        entries |= _dense("pre_logits", "pre_logits")
    if architecture.num_classes:
        entries |= _dense("head", "head")
    return entries


def _flat(axis):
    """Returns a function that flattens an array to a matrix and keeps one axis."""
    return lambda array: array.reshape(-1, array.shape[axis])


def _dense(ours, theirs, *, kernel=None):
    return {
        f"{ours}/kernel": Entry((f"{theirs}/kernel",), kernel or (lambda array: array)),
        f"{ours}/bias": same(f"{theirs}/bias"),
    }


def _out(heads):
    """Returns a function that makes `(h, d, D)` a matrix `(h * d, D)`."""
    return lambda array: _checked(array, heads, axis=0).reshape(-1, array.shape[-1])


def _checked(array, heads, axis):
    if array.shape[axis] != heads:
        raise UserError(f"there must be {heads} heads, as in block 0")
    return array


def _joined(ours, theirs, parts, heads):
    """Joins projections `(D, h, d)` to one matrix `(D, parts * h * d)`, and their biases."""
    kernels, biases = (tuple(f"{theirs}/{part}/{x}" for part in parts) for x in ("kernel", "bias"))
    return {
        f"{ours}/kernel": Entry(
            kernels,
            lambda *each: np.concatenate(
                [_checked(a, heads, 1).reshape(len(a), -1) for a in each], axis=1
            ),
        ),
        f"{ours}/bias": Entry(
            biases, lambda *each: np.concatenate([_checked(a, heads, 0).ravel() for a in each])
        ),
    }


def _norm(ours, theirs):
    return {f"{ours}/gamma": same(f"{theirs}/scale"), f"{ours}/beta": same(f"{theirs}/bias")}


def _mlp(ours, theirs):
    return _dense(f"{ours}/hidden", f"{theirs}/Dense_0") | _dense(
        f"{ours}/out", f"{theirs}/Dense_1"
    )
