"""Entries of a table that says where each weight of ours stands in someone else's checkpoint."""

import dataclasses
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass(frozen=True)
class Entry:
    """One weight of ours, and the arrays that it is made of.

    Attributes:
        names: The arrays' names in the checkpoint.
        to_ours: Makes our array of these arrays.
        to_theirs: Makes a tuple of these arrays of ours; `None` where nothing is exported.
    """

    names: tuple[str, ...]
    to_ours: Callable[..., np.ndarray]
    to_theirs: Callable[[np.ndarray], tuple[np.ndarray, ...]] | None = None


def same(name):
    """Returns an entry of an array that is stored as ours is."""
    return Entry((name,), lambda array: array, lambda array: (array,))


def transposed(name):
    """Returns an entry of a matrix `(out, in)`, as torch stores it."""
    return Entry((name,), np.transpose, lambda array: (array.T,))


def convolution(name, patch_size):
    """Returns an entry of a patch kernel `(D, C, P, P)`, as torch stores it."""

    def to_theirs(kernel):
        kernel = kernel.reshape(patch_size, patch_size, -1, kernel.shape[-1])  # P P C D
        return (kernel.transpose(3, 2, 0, 1),)

    def to_ours(kernel):
        return kernel.transpose(2, 3, 1, 0).reshape(-1, kernel.shape[0])

    return Entry((name,), to_ours, to_theirs)


def dense(ours, theirs, *, bias=True):
    """Returns the entries of a dense layer, as torch stores it."""
    entries = {f"{ours}/kernel": transposed(f"{theirs}.weight")}
    return {**entries, f"{ours}/bias": same(f"{theirs}.bias")} if bias else entries


def norm(ours, theirs):
    """Returns the entries of a layer norm, as torch stores it."""
    return {f"{ours}/gamma": same(f"{theirs}.weight"), f"{ours}/beta": same(f"{theirs}.bias")}
