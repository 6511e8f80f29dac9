"""Writes weights of our models as timm reads them."""

import itertools
import json

import keras
import numpy as np
from safetensors.numpy import save_file

from keras_vit.checkpoints import timm
from keras_vit.checkpoints.architecture import architecture_of
from keras_vit.errors import UserError
from keras_vit.files import atomic_write
from keras_vit.tasks import class_names_of, preprocessing_of

TIMM_MODES = {"crop": "center", "squash": "squash"}
POOLS = {ours: theirs for theirs, ours in timm.POOLS.items()}
HYBRIDS = {  # timm's models by the units of their residual network
    (): "vit_tiny_r_s16_p8_224",
    (2, 2, 2, 2): "vit_small_r26_s32_224",
    (3, 4, 9): "vit_base_r50_s16_224",
    (3, 4, 6, 3): "vit_large_r50_s32_224",
}


def export_timm(model, path):
    """Writes the weights of a model as a `.safetensors` file that timm loads strictly.

        arguments = export_timm(model, "vit.safetensors")
        theirs = timm.create_model(**arguments, checkpoint_path="vit.safetensors")  # with torch

    The file's metadata holds the arguments too, as JSON under `config`, with the mean and the
    standard deviation by which timm must normalise the pixels, and what `load` cannot read off the
    arrays.

    Args:
        model: A model that `keras_vit.models.vit`, `features` or `classifier` built.
        path: The file to write; it is written whole or not at all.

    Returns:
        A dictionary of arguments for `timm.create_model`: `model_name`, a model of timm with the
        same class and epsilon (1e-6 stands for a smaller one, such as Hugging Face's 1e-12), and
        everything in which ours differs from it.

    Raises:
        ValueError: If timm has no such model, or another function built the model.
        OSError: If the file cannot be written.
    """
    architecture = architecture_of(model)
    arguments = _arguments(architecture)
    channels, size = architecture.config.channels, architecture.config.image_size
    preprocessing = preprocessing_of(model)
    pretrained = {
        "mean": np.broadcast_to(architecture.mean, channels).tolist(),
        "std": np.broadcast_to(architecture.std, channels).tolist(),
        "input_size": [channels, *size],
        "crop_pct": preprocessing.crop_ratio,
        "crop_mode": TIMM_MODES[preprocessing.fit],
        "interpolation": preprocessing.interpolation,
    }
    ours = {
        "num_heads": architecture.config.num_heads,
        "activation": architecture.config.activation,
        "norm_epsilon": architecture.config.norm_epsilon,
        "pool": architecture.pool,
        "preprocessing": preprocessing.to_json(),
        "class_names": class_names_of(model) or None,
    }
    config = {"timm": arguments, "pretrained_cfg": pretrained, "keras_vit": ours}
    with atomic_write(path) as unfinished:
        save_file(_arrays(architecture, model), unfinished, metadata={"config": json.dumps(config)})
    return arguments


def _arrays(architecture, model):
    """Returns the model's weights as timm's arrays, by timm's names."""
    config = architecture.config
    weights = {weight.path: keras.ops.convert_to_numpy(weight) for weight in model.weights}
    if config.position != "learned":
        prefix = model.get_layer("embed").num_prefix_tokens
        weights["embed/positions"] = model.get_layer("embed").positions[:, prefix:]
    elif config.num_registers and config.prefix_positions:
        # timm's table has rows for registers too, or only for patches: add the class token's row
        # to the token.
        table = weights["embed/positions"]
        if config.class_token:
            weights["embed/class_token"] = weights["embed/class_token"] + table[:, :1]
            weights["embed/positions"] = table[:, 1:]
    arrays = {}
    for ours, entry in timm.table(architecture).items():
        for name, array in zip(entry.names, entry.to_theirs(weights[ours]), strict=True):
            arrays[name] = np.ascontiguousarray(array, np.float32)
    if not config.patch_bias and not config.pre_norm:  # timm has no other model without a bias
        arrays["patch_embed.proj.bias"] = np.zeros(config.width, np.float32)
    # timm has SwiGLU only with LayerScale.
    if config.activation == "swiglu" and config.layer_scale is None:
        for block, scale in itertools.product(range(config.depth), ("ls1", "ls2")):
            arrays[f"blocks.{block}.{scale}.gamma"] = np.ones(config.width, np.float32)
    return arrays


def _arguments(architecture):
    """Returns the arguments for `timm.create_model`.

    Raises:
        ValueError: If timm has no such model.
    """
    config = architecture.config
    hybrid = config.stem == "resnet"
    lacks = {
        "pre_logits": architecture.pre_logits,
        "pool='class_token_and_mean'": architecture.pool == "class_token_and_mean",
        "pool='sequence'": architecture.pool == "sequence",
        f"stem={config.stem!r}": config.stem not in ("linear", "resnet"),
        f"stem_blocks={config.stem_blocks}": config.stem_blocks not in HYBRIDS,
        f"stem_epsilons={config.stem_epsilons!r}": config.stem_epsilons != "timm",
        "locality": config.locality,
        "windows": config.window,
        "position='none'": config.position == "none",
        "positions between blocks": config.mid_positions,
        "pre_norm and a bias of the patches": config.pre_norm and config.patch_bias,
        "a distillation token without a class token or with registers": config.distillation_token
        and (config.num_registers or not config.class_token),
        "a distillation token and not both heads behind both tokens": config.distillation_token
        and not (architecture.distillation_head and architecture.pool == "class_token"),
        f"norm_epsilon={config.norm_epsilon}": not (
            config.norm_epsilon <= 1e-6 or config.norm_epsilon == 1e-5
        )
        or config.norm_epsilon == 1e-5
        and (config.distillation_token or config.activation == "swiglu"),
        "stem='resnet' and a distillation token, swiglu or norm_epsilon=1e-05": hybrid
        and (
            config.distillation_token
            or config.activation == "swiglu"
            or config.norm_epsilon == 1e-5
        ),
    }
    for what, it_has in lacks.items():
        if it_has:
            raise UserError(f"timm has no model with {what}.")
    name = "vit_base_patch16_clip_224" if config.norm_epsilon == 1e-5 else "vit_tiny_patch16_224"
    if config.distillation_token:
        name = "deit_tiny_distilled_patch16_224"
    gated = config.activation == "swiglu"
    if gated:
        name = "vit_giant_patch14_dinov2"
    if hybrid:
        name = HYBRIDS[config.stem_blocks]
    has_rows = config.position == "learned" and config.prefix_positions
    return {
        "model_name": name,
        "img_size": list(config.image_size),
        "patch_size": config.cut_size,
        "in_chans": config.channels,
        "num_classes": architecture.num_classes,
        "global_pool": POOLS[architecture.pool],
        "embed_dim": config.width,
        "depth": config.depth,
        "num_heads": config.num_heads,
        # timm rounds the product down to an integer.
        "mlp_ratio": (config.mlp_dim * (2 if gated else 1) + 0.25) / config.width,
        "qkv_bias": config.qkv_bias,
        "qk_norm": config.qk_norm,
        "init_values": config.layer_scale,
        "class_token": config.class_token,
        "no_embed_class": not has_rows or config.num_registers > 0,
        "reg_tokens": config.num_registers,
        "pre_norm": config.pre_norm,
        "final_norm": config.final_norm or architecture.pool is not None,
        "fc_norm": not config.final_norm and architecture.pool is not None,
        "pool_include_prefix": architecture.pool == "attention",
        "act_layer": "silu" if gated else config.activation,
    }
