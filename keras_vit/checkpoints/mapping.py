"""Entries of a table that maps each weight of ours to arrays of someone else's checkpoint."""

import dataclasses
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass(frozen=True)
class Entry:
    """One weight of ours, and the arrays that it is made of.

    Attributes:
        names: The arrays' names in the checkpoint.
        to_ours: Makes our array from these arrays, which it takes in the order of `names`.
        to_theirs: Makes a tuple of these arrays from ours; `None` where nothing is exported.
    """

    names: tuple[str, ...]
    to_ours: Callable[..., np.ndarray]
    to_theirs: Callable[[np.ndarray], tuple[np.ndarray, ...]] | None = None


def same(name):
    """Returns the `Entry` of the array `name`, which is stored as ours is."""
    return Entry((name,), lambda array: array, lambda array: (array,))


def transposed(name):
    """Returns the `Entry` of the array `name`, a matrix `(out, in)` as torch stores it."""
    return Entry((name,), np.transpose, lambda array: (array.T,))


def convolution(name, patch_size):
    """Returns the entry of a patch kernel `(D, C, P, P)`, as torch stores it.

    Args:
        name: Name of the array.
        patch_size: Side `P` of a patch, in pixels.

    Returns:
        An `Entry`, whose array of ours is `(P*P*C, D)`.
    """

    def to_theirs(kernel):
        kernel = kernel.reshape(patch_size, patch_size, -1, kernel.shape[-1])  # P P C D
        return (kernel.transpose(3, 2, 0, 1),)

    def to_ours(kernel):
        return kernel.transpose(2, 3, 1, 0).reshape(-1, kernel.shape[0])

    return Entry((name,), to_ours, to_theirs)


def dense(ours, theirs, *, bias=True):
    """Returns the entries of a dense layer, as torch stores it.

    Args:
        ours: Path of our layer.
        theirs: Name of the layer in the checkpoint.
        bias: Whether it has a bias.

    Returns:
        A dictionary from the paths of our weights to `Entry`s.
    """
    entries = {f"{ours}/kernel": transposed(f"{theirs}.weight")}
    return {**entries, f"{ours}/bias": same(f"{theirs}.bias")} if bias else entries


def norm(ours, theirs):
    """Returns the entries of a layer norm, as torch stores it.

    Args:
        ours: Path of our layer.
        theirs: Name of the layer in the checkpoint.

    Returns:
        A dictionary from the paths of our weights to `Entry`s.
    """
    return {f"{ours}/gamma": same(f"{theirs}.weight"), f"{ours}/beta": same(f"{theirs}.bias")}
