"""The Vision Transformer: images in, tokens out, in two halves between which a layer may stand."""

import dataclasses

import keras
import numpy as np

from keras_vit.errors import UserError
from keras_vit.layers import (
    AddPositions,
    PatchDropout,
    PatchEncoder,
    TransformerBlock,
)
from keras_vit.models.config import STEMS, ViTConfig


def vit(
    config,
    *,
    mean=0.5,
    std=0.5,
    dropout=0.0,
    attention_dropout=0.0,
    drop_path=0.0,
    patch_dropout=0.0,
    **overrides,
):
    """Builds a Vision Transformer from images `(B, H, W, C)` to tokens `(B, T, D)`.

    "An Image is Worth 16x16 Words" (arXiv:2010.11929). A flat functional model of the layers
    `images` (input), `pixels`, `patches`, `embed`, `block00`, `block01`, ..., `norm`, and, where
    there is one, `pre_norm` before the blocks; where there are positions between blocks,
    `positions00` follows `block00`. Prefix tokens come before the patches. Memory and time grow
    with `T*T` in attention and with `D*D` elsewhere.

    Args:
        config: A `ViTConfig`, or a name such as `"S/16"`.
        mean: Mean of the pixels on the scale 0 to 1, one number or one per channel.
        std: Standard deviation of the pixels on that scale, one number or one per channel. Images
            have pixels from 0 to 255, as a decoder returns them, and the first layer computes
            `(images / 255 - mean) / std`.
        dropout: Rate on the embedded tokens and after every dense layer of a block.
        attention_dropout: Rate on the attention scores.
        drop_path: Rate of stochastic depth (arXiv:1603.09382) in the last block; it grows linearly
            from 0 in the first, as in DeiT (arXiv:2012.12877).
        patch_dropout: Share of the patches dropped in training (arXiv:2208.07220): a layer
            `patch_dropout` after `embed`, or none at 0.
        **overrides: Fields of the configuration to change, for example `image_size=(192, 256)`.

    Returns:
        A `keras.Model`.

    Raises:
        ValueError: If the configuration contradicts itself, a rate is outside `[0, 1)`, patches
            are dropped before positions between blocks, or `mean` or `std` does not fit the
            channels or is out of its range.
        TypeError: If an override is no field of `ViTConfig`.
    """
    if isinstance(config, str):
        config = ViTConfig.of(config, **overrides)
    else:
        config = dataclasses.replace(config, **overrides)
    _check_rates(patch_dropout=patch_dropout)
    if patch_dropout and config.mid_positions:
        raise UserError(
            "Positions between blocks need every patch: received mid_positions=True with "
            f"patch_dropout={patch_dropout}."
        )
    images = keras.Input((*config.image_size, config.channels), name="images")
    tokens = patch_tokens(images, config, mean=mean, std=std, dropout=dropout)
    if patch_dropout:
        prefix = tokens.shape[1] - config.grid[0] * config.grid[1]
        layer = PatchDropout(patch_dropout, num_prefix_tokens=prefix, name="patch_dropout")
        tokens = layer(tokens)
    tokens = encode(
        tokens,
        config,
        dropout=dropout,
        attention_dropout=attention_dropout,
        drop_path=drop_path,
    )
    return keras.Model(images, tokens, name="vit")


def patch_tokens(images, config, *, mean=0.5, std=0.5, dropout=0.0, change=None):
    """Turns images `(B, H, W, C)` into tokens `(B, T, D)` with positions: the first half of `vit`.

    The layers `pixels`, `patches` and `embed`. What changes the number of tokens, such as a mask,
    stands between this and `encode`.

    Args:
        images: A `keras.Input` of the configuration's size and channels, pixels 0 to 255.
        config: A `ViTConfig`.
        mean: As `vit` takes it.
        std: As `vit` takes it.
        dropout: Rate on the embedded tokens.
        change: Changes the symbolic patches `(B, N, P*P*C)` before they become tokens, for example
            masks some; by default they stay as they are.

    Returns:
        A symbolic tensor: prefix tokens, then the patches row by row.

    Raises:
        ValueError: If the images are not of the configuration's shape, the rate is outside
            `[0, 1)`, or `mean` or `std` does not fit the channels or is out of its range.
    """
    _check_rates(dropout=dropout)
    shape = (*config.image_size, config.channels)
    if tuple(images.shape[1:]) != shape:
        raise UserError(
            f"Images must have the shape {shape} of the configuration: "
            f"received {tuple(images.shape[1:])}."
        )
    scale, offset = _rescaling(mean, std, config.channels)
    # In float32 whatever the policy: 8 bits of mantissa would blur 256 levels.
    x = keras.layers.Rescaling(scale, offset, dtype="float32", name="pixels")(images)
    x = _patches(config)(x)
    if change is not None:
        x = change(x)
    return PatchEncoder(
        config.width,
        grid=config.grid,
        class_token=config.class_token,
        distillation_token=config.distillation_token,
        num_registers=config.num_registers,
        position=config.position,
        prefix_positions=config.prefix_positions,
        use_bias=config.patch_bias,
        project=config.stem != "cct",
        dropout=dropout,
        name="embed",
    )(x)


def encode(
    tokens,
    config,
    *,
    visible=None,
    blocks=None,
    dropout=0.0,
    attention_dropout=0.0,
    drop_path=0.0,
):
    """Passes tokens `(B, T, D)` through the blocks: the second half of `vit`.

    The layers `pre_norm`, where there is one, `block00`, `block01`, ..., `norm`, and `positions00`,
    ... after all blocks but the last of the model, where the configuration has them. The tokens may
    be fewer than those of `patch_tokens`; `T` must be fixed.

    Args:
        tokens: A symbolic tensor of width `D`.
        config: A `ViTConfig`.
        visible: Symbolic numbers `(B, T)`, 1 for tokens that others attend to and 0 for those that
            none does; by default all are visible.
        blocks: The indices of the blocks, a `range`, where something stands between two blocks; by
            default all. `pre_norm` comes before the first block of the model, `norm` after its
            last.
        dropout: Rate after every dense layer of a block.
        attention_dropout: Rate on the attention scores.
        drop_path: Rate of stochastic depth in the last block of the model, as `vit` takes it.

    Returns:
        A symbolic tensor `(B, T, D)`.

    Raises:
        ValueError: If the model has no such block, the tokens have another width, or a rate is
            outside `[0, 1)`.
    """
    _check_rates(dropout=dropout, attention_dropout=attention_dropout, drop_path=drop_path)
    blocks = range(config.depth) if blocks is None else blocks
    if not set(blocks) <= set(range(config.depth)):
        raise UserError(f"`blocks` must lie in [0, {config.depth}): received {blocks}.")
    if tokens.shape[-1] != config.width:
        raise UserError(
            f"Tokens must have the width {config.width} of the configuration: "
            f"received {tokens.shape[-1]}."
        )
    x = tokens
    if config.pre_norm and 0 in blocks:
        x = keras.layers.LayerNormalization(epsilon=config.norm_epsilon, name="pre_norm")(x)
    rates = np.linspace(drop_path, 0, config.depth)[::-1].tolist()  # one block is the last
    for index in blocks:
        block = TransformerBlock(
            config.num_heads,
            config.mlp_dim,
            activation=config.activation,
            norm_epsilon=config.norm_epsilon,
            qkv_bias=config.qkv_bias,
            qk_norm=config.qk_norm,
            layer_scale=config.layer_scale,
            locality=config.locality,
            dropout=dropout,
            attention_dropout=attention_dropout,
            drop_path=rates[index],
            **config.window_of(index),
            name=f"block{index:02d}",
        )
        x = block(x) if visible is None else block(x, visible=visible)
        if config.mid_positions and index < config.depth - 1:
            x = AddPositions(name=f"positions{index:02d}")(x)
    if config.final_norm and config.depth - 1 in blocks:
        x = keras.layers.LayerNormalization(epsilon=config.norm_epsilon, name="norm")(x)
    return x


def _patches(config):
    """Makes the layer `patches`, from images `(B, H, W, C)` to patches `(B, N, F)`."""
    epsilon, width = dict(norm_epsilon=config.norm_epsilon), dict(width=config.width)
    resnet = dict(blocks=config.stem_blocks, epsilons=config.stem_epsilons)
    how = {"spt": epsilon, "conv": epsilon | width, "cct": width, "t2t": epsilon, "resnet": resnet}
    return STEMS[config.stem](config.patch_size, **how.get(config.stem, {}), name="patches")


def _check_rates(**rates):
    for name, rate in rates.items():
        if not 0 <= rate < 1:
            raise UserError(f"`{name}` must lie in [0, 1): received {rate}.")


def _rescaling(mean, std, channels):
    """Returns scale and offset of `(x / 255 - mean) / std`, numbers or lists of one per channel."""
    for name, value in (("mean", mean), ("std", std)):
        if np.size(value) not in (1, channels):
            raise UserError(
                f"`{name}` must be one number or one per channel: "
                f"received {value} for {channels} channels."
            )
    if not np.isfinite(mean).all() or not np.isfinite(std).all() or np.min(std) <= 0:
        raise UserError(f"`std` must be above 0: received mean={mean}, std={std}.")
    if np.ndim(mean) or np.ndim(std):
        mean, std = np.broadcast_to(mean, channels), np.broadcast_to(std, channels)
    return np.divide(1 / 255, std).tolist(), np.divide(np.negative(mean), std).tolist()
