"""Prefixes that wrappers put before names: torch's `module.` and `_orig_mod.`, or `backbone.`."""

import re

from keras_vit.checkpoints.arrays import named_once
from keras_vit.errors import UserError


def prefix_of(arrays, projection):
    """Returns the prefix before the names of a model's arrays.

    Args:
        arrays: Arrays by name.
        projection: Compiled regular expression of the names of a format's patch projection; its
            first group is the prefix.

    Returns:
        The prefix, such as `"module.backbone."`, empty where nothing precedes the names, and `None`
        where no array is one of them.

    Raises:
        ValueError: If there are several prefixes, hence several models.
    """
    prefixes = sorted({match[1] for name in arrays if (match := projection.match(name))})
    if len(prefixes) > 1:
        raise UserError(
            f"The checkpoint holds {len(prefixes)} models, behind "
            f"{' and '.join(map(repr, prefixes))}: keep the arrays of one."
        )
    return prefixes[0] if prefixes else None


def without_prefix(arrays, prefix):
    """Removes a prefix from the names of arrays.

    Names without the prefix, such as `head.weight` beside a backbone's `backbone.blocks...`, lose
    only the part of it that all names share.

    Args:
        arrays: Arrays by name.
        prefix: The prefix, such as `"module.backbone."`.

    Returns:
        The arrays by their new names.

    Raises:
        ValueError: If two arrays get the same name.
    """
    shared = ""
    for part in re.findall(r"[^./]+[./]", prefix):
        if not all(name.startswith(shared + part) for name in arrays):
            break
        shared += part
    return named_once(
        (name.removeprefix(prefix if name.startswith(prefix) else shared), array)
        for name, array in arrays.items()
    )
