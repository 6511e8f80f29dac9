"""Prefixes of names from wrappers: torch's `module.` and `_orig_mod.`, a class's `backbone.`."""

import re

from keras_vit.checkpoints.arrays import named_once
from keras_vit.errors import UserError


def prefix_of(arrays, projection):
    """Returns what precedes the names of a model.

    Args:
        arrays: Arrays by name.
        projection: Pattern of the names of a format's patch projection; its first group is what
            precedes them.

    Returns:
        The prefix, such as `"module.backbone."`, empty where nothing precedes the names, and `None`
        where no array is one of them.

    Raises:
        ValueError: If there are several models.
    """
    prefixes = sorted({match[1] for name in arrays if (match := projection.match(name))})
    if len(prefixes) > 1:
        raise UserError(
            f"The checkpoint holds {len(prefixes)} models, behind "
            f"{' and '.join(map(repr, prefixes))}: keep the arrays of one."
        )
    return prefixes[0] if prefixes else None


def without_prefix(arrays, prefix):
    """Returns arrays by the names that follow a prefix.

    Arrays beside the prefix, such as the `head.weight` of a model whose backbone is behind
    `backbone.`, lose what precedes all names.

    Raises:
        ValueError: If two arrays get one name.
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
