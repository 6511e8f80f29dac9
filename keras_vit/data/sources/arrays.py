"""A source of NumPy arrays."""

import numpy as np

from keras_vit.data.sources.source import Source
from keras_vit.data.splits import Split
from keras_vit.errors import UserError


def from_arrays(train, test, *, class_names=None, name="arrays"):
    """Makes a source of images `(N, H, W, C)` and labels `(N,)` in arrays or tensors.

    Args:
        train: Pair of images `(N, H, W, C)` or `(N, H, W)`, uint8, and integer labels `(N,)` or
            `(N, 1)`.
        test: The same pair of the test split, with images of the same size.
        class_names: Names in the order of the labels; by default the labels themselves, which must
            then be all integers from 0 to K - 1.
        name: Name of the source, in messages and reports.

    Returns:
        A `Source` of `Split`s in memory.

    Raises:
        ValueError: If shapes or dtypes are wrong, the splits have images of two sizes, a label is
            negative or has no name, or a class name is no text on one line.
    """
    splits = {}
    for split_name, (images, labels) in {"train": train, "test": test}.items():
        images, labels = np.asarray(images), np.asarray(labels)
        images = images[..., None] if images.ndim == 3 else images
        labels = labels[:, 0] if labels.shape[1:] == (1,) else labels
        splits[split_name] = Split.in_memory(images, labels)
    sizes = {split.image_shape for split in splits.values()}
    if len(sizes) > 1:
        raise UserError(f"Images of all splits must be of one size: received {sorted(sizes)}.")
    if class_names is None:
        class_names = _numbers([split.labels for split in splits.values()])
    return Source(name, tuple(class_names), splits)


def _numbers(labels):
    """Names classes by their numbers, of which none may be missing."""
    distinct = np.unique(np.concatenate(labels))
    if len(distinct) and distinct[-1] != len(distinct) - 1:
        raise UserError(
            "Without `class_names`, the labels must be all integers from 0 to K - 1: received "
            f"{len(distinct)} of 0 to {distinct[-1]}."
        )
    return map(str, range(len(distinct)))
