"""timm's `VisionTransformer`: ViT, DeiT, DeiT III, DINO, DINOv2, MAE, hybrids, CLIP, SigLIP.

Models with the same names may differ in what no array shows: the epsilon of the norms and the form
of GELU. Here these follow the family that the arrays belong to; `load` takes other values.
"""

import math
import re

from keras_vit.checkpoints.architecture import Architecture
from keras_vit.checkpoints.arrays import (
    count_blocks,
    grid_from,
    grid_of,
    has_part,
    has_prefix,
    shape_of,
)
from keras_vit.checkpoints.config_values import by_number, value_of
from keras_vit.checkpoints.families import CLIP, IMAGENET, heads_of
from keras_vit.checkpoints.hybrids import cut_side, timm_stem
from keras_vit.checkpoints.image_processors import read_timm
from keras_vit.checkpoints.timm_names import table as table
from keras_vit.errors import UserError
from keras_vit.models import ViTConfig

NAME = "timm"
PROJECTION = re.compile(r"(|.*\.)patch_embed\.proj\.(?:weight|bias)$")
POOLS = {"token": "class_token", "avg": "mean", "map": "attention", "": None}
# Widths and patches of the SigLIP towers that timm gives the tanh form of GELU, beside L at 512
# pixels.
SIGLIP_TANH = {(768, 32), (1152, 16), (1536, 16)}


def matches(arrays):
    """Returns whether `arrays`, a dictionary by name, have timm's names."""
    return has_prefix(arrays, "patch_embed.proj.") and has_prefix(arrays, "blocks.0.attn.")


def normalise(arrays):
    """Returns `arrays` unchanged: all of timm's are used, under their own names."""
    return arrays


def read_config(config):
    """Reads timm's `config.json`, or the metadata that `export_timm` writes.

    Args:
        config: The configuration, a dictionary.

    Returns:
        A dictionary of what is known of `mean`, `std`, `image_size`, `activation`, `class_names`,
        `pool`, `num_heads`, `norm_epsilon` and `is_ours`, and what `read_timm` returns.

    Raises:
        ValueError: If a value has the wrong type or makes no sense, or the pooling is none of ours.
    """
    pretrained = value_of(config, "pretrained_cfg", "an object") or config  # old files have one
    ours = value_of(config, "keras_vit", "an object") or {}
    pool = value_of(config, "global_pool", "a text")
    if pool is not None and pool not in POOLS:
        raise UserError(f"timm's global_pool={pool!r} is none of ours.")
    settings = {
        "mean": value_of(pretrained, "mean", "numbers"),
        "std": value_of(pretrained, "std", "numbers"),
        "image_size": (value_of(pretrained, "input_size", "integers") or [])[1:],
    }
    settings = {name: tuple(values) for name, values in settings.items() if values}
    settings |= read_timm(config)
    if "quickgelu" in (value_of(config, "architecture", "a text") or ""):
        settings["activation"] = "quick_gelu"
    if ours:
        settings["is_ours"] = True
    names = config.get("label_names")
    names = by_number(names) if isinstance(names, dict) else names
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        settings["class_names"] = names
    if POOLS.get(pool):
        settings["pool"] = POOLS[pool]
    kinds = {
        "num_heads": "an integer",
        "activation": "a text",
        "norm_epsilon": "a number",
        "pool": "a text",
        "class_names": "texts",
    }
    of_ours = {name: value_of(ours, name, kind) for name, kind in kinds.items()}
    return settings | {name: value for name, value in of_ours.items() if value is not None}


def architecture(arrays, *, num_heads=None, grid=None, image_size=None, is_ours=False, pool=None):
    """Reads the architecture off names and shapes.

    Args:
        arrays: Arrays by name.
        num_heads: Attention heads; by default what models of this width have.
        grid: Rows and columns of patches; by default what `image_size` makes, or a square.
        image_size: Height and width in a configuration, in pixels, or `None`.
        is_ours: Whether `export_timm` wrote them, so that checks for other models are left out.
        pool: The pooling in a configuration, as `keras_vit.tasks.features` takes it, or `None`.

    Returns:
        An `Architecture`.

    Raises:
        ValueError: If an array that shows a size is missing or has another shape, the number of
            heads is not known, the positions do not fill the grid, or the model is of a kind that
            ours is not.
    """
    width, channels, patch_size, _ = shape_of(arrays, "patch_embed.proj.weight", 4)
    if stem := timm_stem(arrays):
        channels, patch_size = stem.pop("channels"), cut_side(stem, patch_size)
    if not is_ours:
        _refuse_others(arrays, pool)
    depth = count_blocks(arrays, re.compile(r"blocks\.(\d+)\."))
    hidden, out = (shape_of(arrays, f"blocks.0.mlp.fc{i}.weight", 2) for i in (1, 2))
    gated = hidden[0] == 2 * out[1]
    tokens = [name for name in ("cls_token", "dist_token") if name in arrays]
    count = shape_of(arrays, "pos_embed", 3)[1]
    registers = shape_of(arrays, "reg_token", 3)[1] if "reg_token" in arrays else 0
    if grid is None and (configured := grid_from(image_size, patch_size)):
        # A size that does not fit the positions is that of an earlier training.
        prefix = {0, len(tokens), registers, len(tokens) + registers}
        grid = configured if count - configured[0] * configured[1] in prefix else None
    with_prefix = bool(tokens) and _is_square(count - len(tokens), grid)
    with_registers = not with_prefix and not tokens and not _is_square(count, grid)
    count -= len(tokens) * with_prefix + registers * with_registers
    grid = grid_of(count, grid)
    clip, scaled = has_part(arrays, "norm_pre."), has_part(arrays, ".ls1.", ".ls2.")
    siglip = not tokens and not has_part(arrays, "reg_token", "fc_norm.")
    tanh = siglip and ((width, patch_size) in SIGLIP_TANH or (width, grid[0]) == (1024, 32))
    if siglip and width == 1536:
        num_heads = num_heads or 16  # DINOv2's giant has 24
    config = ViTConfig(
        image_size=(grid[0] * patch_size, grid[1] * patch_size),
        patch_size=patch_size,
        **stem,
        channels=channels,
        width=width,
        depth=depth,
        mlp_dim=out[1],
        num_heads=num_heads or heads_of(width),
        class_token="cls_token" in arrays,
        distillation_token="dist_token" in arrays,
        num_registers=registers,
        prefix_positions=with_prefix or not tokens,
        patch_bias=not clip,
        pre_norm=clip,
        final_norm=has_prefix(arrays, "norm."),
        activation="swiglu" if gated else "gelu_tanh" if tanh else "gelu",
        norm_epsilon=1e-5 if clip else 1e-6,
        qkv_bias=has_part(arrays, ".attn.qkv.bias"),
        qk_norm=has_part(arrays, ".q_norm.", ".k_norm."),
        layer_scale=1e-5 if scaled else None,
    )
    return Architecture(
        config=config,
        pool=_pool(arrays, pool),
        num_classes=shape_of(arrays, "head.weight", 2)[0] if has_prefix(arrays, "head.") else 0,
        distillation_head=has_part(arrays, "head_dist."),
        **_pixels(arrays, channels),
    )


def _refuse_others(arrays, pool):
    """Raises a `ValueError` for models with the same names and another architecture."""
    clip, pooled = has_part(arrays, "norm_pre."), has_part(arrays, "attn_pool.")
    prefix = {"cls_token", "reg_token"} & arrays.keys()
    scaled = has_part(arrays, ".ls1.", ".ls2.")
    if clip and pooled:
        raise UserError("The checkpoint is a Perception Encoder, whose positions are rotary too.")
    if pooled and prefix:
        raise UserError(
            "timm's attention pool leaves class and register tokens out: ours does not."
        )
    lacks_token = "cls_token" not in arrays and not pooled and pool != "mean"
    if scaled and "norm.weight" in arrays and lacks_token:
        raise UserError("The checkpoint has no cls_token.")
    post_norm = {"blocks.0.attn.qkv.bias", "norm.weight"}.isdisjoint(arrays)
    if post_norm and not prefix and not scaled:
        raise UserError("The checkpoint norms behind its blocks (rpn): ours norm before them.")


def _is_square(count, grid):
    return count == (grid[0] * grid[1] if grid else math.isqrt(max(count, 0)) ** 2)


def _pool(arrays, configured):
    if has_part(arrays, "attn_pool."):
        return "attention"
    if configured == "mean" or configured == "class_token" and "cls_token" in arrays:
        return configured
    return "mean" if has_part(arrays, "fc_norm.") or "cls_token" not in arrays else "class_token"


def _pixels(arrays, channels):
    """Guesses mean and standard deviation of the pixels from the family."""
    if channels != 3:
        return {}
    if has_part(arrays, "norm_pre."):
        return CLIP
    facebook = has_part(arrays, ".ls1.", "dist_token")
    return IMAGENET if facebook and "cls_token" in arrays else {}
