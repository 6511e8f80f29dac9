"""The table that maps each weight of ours to timm's arrays."""

from keras_vit.checkpoints.hybrids import timm_entries
from keras_vit.checkpoints.mapping import Entry, convolution, dense, norm, same


def table(architecture, arrays=None):
    """Returns which of timm's arrays each weight of a model is made of.

    Args:
        architecture: The `Architecture` of the model.
        arrays: Arrays by name, which show whether registers have positions; `None` for an export.

    Returns:
        A dictionary from the path of each weight of ours to an `Entry`.
    """
    config = architecture.config
    entries = {
        "embed/projection/kernel": convolution("patch_embed.proj.weight", config.cut_size),
        "embed/positions": same("pos_embed"),
    }
    if config.stem == "resnet":
        entries |= timm_entries(config)
    if config.patch_bias:
        entries["embed/projection/bias"] = same("patch_embed.proj.bias")
    if config.class_token:
        entries["embed/class_token"] = same("cls_token")
    if config.distillation_token:
        entries["embed/distillation_token"] = same("dist_token")
    if config.num_registers:
        entries["embed/registers"] = same("reg_token")
        patches = config.grid[0] * config.grid[1]
        if arrays is not None and arrays["pos_embed"].shape[1] == config.num_registers + patches:
            # The registers have constant positions here: add these to the register tokens.
            entries["embed/registers"] = Entry(
                ("reg_token", "pos_embed"), lambda own, table: own + table[:, : own.shape[1]]
            )
            entries["embed/positions"] = Entry(("pos_embed",), lambda table: table[:, -patches:])
    if config.pre_norm:
        entries |= norm("pre_norm", "norm_pre")
    for index in range(config.depth):
        entries |= _block(f"block{index:02d}", f"blocks.{index}", config)
    if config.final_norm:
        entries |= norm("norm", "norm")
    elif architecture.pool:
        entries |= norm("pool_norm", "fc_norm")
    if architecture.pool == "attention":
        entries["pool/probe"] = same("attn_pool.latent")
        for ours, theirs in (("query", "q"), ("key_value", "kv"), ("out", "proj")):
            entries |= dense(f"pool/{ours}", f"attn_pool.{theirs}")
        entries |= norm("pool/norm", "attn_pool.norm")
        entries |= dense("pool/mlp/hidden", "attn_pool.mlp.fc1")
        entries |= dense("pool/mlp/out", "attn_pool.mlp.fc2")
    if architecture.num_classes:
        entries |= dense("head", "head")
    if architecture.distillation_head:
        entries |= dense("distillation_head", "head_dist")
    return entries


def _block(ours, theirs, config):
    entries = norm(f"{ours}/norm1", f"{theirs}.norm1") | norm(f"{ours}/norm2", f"{theirs}.norm2")
    entries |= dense(f"{ours}/attention/qkv", f"{theirs}.attn.qkv", bias=config.qkv_bias)
    entries |= dense(f"{ours}/attention/out", f"{theirs}.attn.proj")
    if config.qk_norm:
        entries |= norm(f"{ours}/attention/query_norm", f"{theirs}.attn.q_norm")
        entries |= norm(f"{ours}/attention/key_norm", f"{theirs}.attn.k_norm")
    entries |= dense(f"{ours}/mlp/hidden", f"{theirs}.mlp.fc1")
    entries |= dense(f"{ours}/mlp/out", f"{theirs}.mlp.fc2")
    if config.layer_scale is not None:
        for number in (1, 2):
            entries[f"{ours}/scale{number}/scale"] = same(f"{theirs}.ls{number}.gamma")
    return entries
