"""The residual networks of hybrids, by the names of timm and by those of Google."""

import re

import numpy as np

from keras_vit.checkpoints.arrays import has_part, has_prefix, shape_of
from keras_vit.checkpoints.mapping import Entry, norm, same
from keras_vit.errors import UserError
from keras_vit.layers.resnet_stem import MOST_STAGES, stem_stride

TIMM = "patch_embed.backbone."
TIMM_UNIT = re.compile(r"patch_embed\.backbone\.stages\.(\d+)\.blocks\.(\d+)\.")
GOOGLE_UNIT = re.compile(r"block(\d+)/unit(\d+)/")


def timm_stem(arrays):
    """Returns what timm's arrays say of a residual network before the patches.

    Args:
        arrays: Arrays by name.

    Returns:
        Fields of `ViTConfig`, `stem`, `stem_blocks`, `stem_epsilons` and `channels`; an empty
        dictionary where images are cut.

    Raises:
        ValueError: If the kernel of the root is missing or has other axes, or units are too many or
            too few.
    """
    if not has_prefix(arrays, TIMM):
        return {}
    root = f"{TIMM}stem." if has_part(arrays, f"{TIMM}stem.", f"{TIMM}stages.") else TIMM
    channels = shape_of(arrays, f"{root}conv.weight", 4)[1]
    return _fields("timm", _units(arrays, TIMM_UNIT, first=0), channels)


def google_stem(arrays):
    """Returns what Google's arrays say of a residual network before the patches.

    Args:
        arrays: Arrays by name.

    Returns:
        As `timm_stem`.

    Raises:
        ValueError: As `timm_stem`.
    """
    if not has_part(arrays, "conv_root/", "gn_root/") and not any(map(GOOGLE_UNIT.match, arrays)):
        return {}
    channels = shape_of(arrays, "conv_root/kernel", 4)[2]
    return _fields("flax", _units(arrays, GOOGLE_UNIT, first=1), channels)


def cut_side(stem, side):
    """Returns the side of a patch in pixels, where one of `side` places is cut behind a `stem`."""
    return side * stem_stride(stem["stem_blocks"]) if stem else side


def timm_entries(config):
    """Returns which of timm's arrays each weight of a stem is made of.

    Args:
        config: The `ViTConfig` of a hybrid.

    Returns:
        A dictionary from the path of each weight of ours to an `Entry`.
    """
    root = f"{TIMM}stem." if config.stem_blocks else TIMM
    entries = {"patches/root/kernel": _torch_kernel(f"{root}conv.weight")}
    entries |= norm("patches/root_norm", f"{root}norm")
    for stage, place, ours in _paths(config.stem_blocks):
        theirs = f"{TIMM}stages.{stage}.blocks.{place}"
        for number in (1, 2, 3):
            kernel = _torch_kernel(f"{theirs}.conv{number}.weight")
            entries[f"{ours}/convolution{number}/kernel"] = kernel
            entries |= norm(f"{ours}/norm{number}", f"{theirs}.norm{number}")
        if not place:
            kernel = _torch_kernel(f"{theirs}.downsample.conv.weight")
            entries[f"{ours}/shortcut/kernel"] = kernel
            entries |= norm(f"{ours}/shortcut_norm", f"{theirs}.downsample.norm")
    return entries


def google_entries(config):
    """Returns which of Google's arrays each weight of a stem is made of.

    Args:
        config: The `ViTConfig` of a hybrid.

    Returns:
        A dictionary from the path of each weight of ours to an `Entry`.
    """
    entries = {"patches/root/kernel": same("conv_root/kernel")}
    entries |= _flax_norm("patches/root_norm", "gn_root")
    for stage, place, ours in _paths(config.stem_blocks):
        theirs = f"block{stage + 1}/unit{place + 1}"
        for number in (1, 2, 3):
            entries[f"{ours}/convolution{number}/kernel"] = same(f"{theirs}/conv{number}/kernel")
            entries |= _flax_norm(f"{ours}/norm{number}", f"{theirs}/gn{number}")
        if not place:
            entries[f"{ours}/shortcut/kernel"] = same(f"{theirs}/conv_proj/kernel")
            entries |= _flax_norm(f"{ours}/shortcut_norm", f"{theirs}/gn_proj")
    return entries


def _units(arrays, pattern, *, first):
    """Counts the units of each stage by their numbers, which begin with `first`."""
    places = [
        (int(match[1]) - first, int(match[2]) - first)
        for name in arrays
        if (match := pattern.match(name))
    ]
    stages = max((stage for stage, _ in places), default=-1) + 1
    if stages > MOST_STAGES:
        raise UserError(f"A residual network has up to {MOST_STAGES} stages: received {stages}.")
    return tuple(
        max((unit + 1 for each, unit in places if each == stage), default=0)
        for stage in range(stages)
    )


def _fields(epsilons, blocks, channels):
    return dict(stem="resnet", stem_blocks=blocks, stem_epsilons=epsilons, channels=channels)


def _paths(blocks):
    """Yields stage, place and path of each unit."""
    for stage, count in enumerate(blocks):
        for place in range(count):
            yield stage, place, f"patches/stage{stage}_unit{place}"


def _torch_kernel(name):
    """Returns the entry of a kernel `(F, C, s, s)`, whose array of ours is `(s, s, C, F)`."""
    return Entry(
        (name,),
        lambda kernel: kernel.transpose(2, 3, 1, 0),
        lambda kernel: (kernel.transpose(3, 2, 0, 1),),
    )


def _flax_norm(ours, theirs):
    """Returns the entries of a group norm, whose arrays some files hold as `(1, 1, 1, C)`."""
    return {
        f"{ours}/gamma": Entry((f"{theirs}/scale",), np.ravel),
        f"{ours}/beta": Entry((f"{theirs}/bias",), np.ravel),
    }
