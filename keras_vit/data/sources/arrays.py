"""A source of NumPy arrays."""

import numpy as np

from keras_vit.data.ignored_boxes import class_of
from keras_vit.data.left_out import note_on_left_out
from keras_vit.data.sample import check_sample, named_key
from keras_vit.data.sources.source import Source
from keras_vit.data.splits import Split
from keras_vit.errors import UserError


def from_arrays(train, test, *, class_names=None, name="arrays"):
    """Makes a source of images and labels, masks or boxes in arrays or tensors.

    Args:
        train: Pair of images `(N, H, W, C)` or `(N, H, W)`, uint8, and integer labels `(N,)` or
            `(N, 1)`; or a dict of arrays with `N` entries by the keys of a sample (see
            `keras_vit.data.sample`): `image` with any of `label`, `mask`, `target`, `weight`, and
            `boxes` with `box_labels`.
        test: The same of the test split, with images of the same size.
        class_names: Names in the order of the labels, or, where there are none, of the labels of
            boxes, else of the ids in masks. By default the labels themselves, which must then be
            all integers from 0 to K - 1; none where there are only masks.
        name: Name of the source, in messages and reports.

    Returns:
        A `Source` of `Split`s in memory.

    Raises:
        ValueError: If shapes or dtypes are wrong, the splits have images of two sizes or other
            keys, a label is negative or has no name, or a class name is no text on one line.
    """
    samples, splits = {"train": _sample(train), "test": _sample(test)}, {}
    if samples["train"].keys() != samples["test"].keys():
        keys = " and ".join(", ".join(sample) for sample in samples.values())
        raise UserError(f"Samples of all splits must have the same keys: received {keys}.")
    for split_name, sample in samples.items():
        arrays = {key: np.asarray(values) for key, values in sample.items()}
        images, labels = arrays.pop("image"), arrays.pop("label", None)
        images = images[..., None] if images.ndim == 3 else images
        if labels is not None and labels.shape[1:] == (1,):
            labels = labels[:, 0]
        splits[split_name] = Split.in_memory(images, labels, **arrays)
    sizes = {split.image_shape for split in splits.values()}
    if len(sizes) > 1:
        raise UserError(f"Images of all splits must be of one size: received {sorted(sizes)}.")
    key = named_key(samples["train"])
    if class_names is None and key in ("label", "box_labels"):
        class_names = _numbers([np.ravel(sample[key]) for sample in samples.values()])
    return Source(name, tuple(class_names or ()), splits, tuple(_left_out(samples, sizes)))


def _sample(arrays):
    if isinstance(arrays, dict):
        if "image" not in check_sample(arrays):
            raise UserError(f"Samples in arrays must have `image`: received {', '.join(arrays)}.")
        return arrays
    return dict(zip(("image", "label"), arrays, strict=True))


def _left_out(samples, sizes):
    """Returns the note on boxes that are left out."""
    boxes, names = [], []
    for split, sample in samples.items():
        if "boxes" in sample:
            corners, is_box = np.asarray(sample["boxes"]), np.asarray(sample["box_labels"]) != -1
            boxes += [each[own] for each, own in zip(corners, is_box, strict=True)]
            names += [f"{split} {index}" for index in range(len(corners))]
    (shape,) = sizes
    return note_on_left_out(boxes, [shape[:2]] * len(boxes), names)


def _numbers(labels):
    """Names classes by their numbers, of which none may be missing."""
    distinct = np.unique(class_of(np.concatenate(labels).astype(np.int64)))
    distinct = distinct[distinct != -1]  # a place without a box
    if len(distinct) and distinct[-1] != len(distinct) - 1:
        raise UserError(
            "Without `class_names`, the labels must be all integers from 0 to K - 1: received "
            f"{len(distinct)} of 0 to {distinct[-1]}."
        )
    return map(str, range(len(distinct)))
