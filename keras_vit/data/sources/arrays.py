"""NumPy arrays."""

import numpy as np

from keras_vit.data.sources.source import Source, Split
from keras_vit.errors import UserError


def from_arrays(train, test, *, class_names=None, name="arrays"):
    """Makes arrays, or tensors, a source.

    Args:
        train: Images `(N, H, W, C)` or `(N, H, W)`, uint8, and labels `(N,)` or `(N, 1)`.
        test: The same.
        class_names: Names in the order of the labels; by default the labels themselves.
        name: What the set is called.

    Returns:
        A `Source` of `Split`s in memory.

    Raises:
        ValueError: If the arrays do not fit, or a label has no name.
    """
    splits = {}
    for split_name, (images, labels) in {"train": train, "test": test}.items():
        images, labels = np.asarray(images), np.asarray(labels)
        images = images[..., None] if images.ndim == 3 else images
        labels = labels[:, 0] if labels.shape[1:] == (1,) else labels
        if not np.issubdtype(labels.dtype, np.integer):
            raise UserError(f"Labels must be integers: received {labels.dtype} in {split_name}.")
        splits[split_name] = Split.in_memory(images, labels), labels
    sizes = {split.image_shape for split, _ in splits.values()}
    if len(sizes) > 1:
        raise UserError(f"Images of all splits must be of one size: received {sorted(sizes)}.")
    lowest, highest = (
        int(extreme([extreme(labels, initial=0) for _, labels in splits.values()]))
        for extreme in (np.min, np.max)
    )
    if class_names is None:
        class_names = map(str, range(highest + 1))
    class_names = tuple(class_names)
    if lowest < 0 or highest >= len(class_names):
        raise UserError(
            f"Labels must lie in [0, {len(class_names)}), a name for each: "
            f"received {lowest if lowest < 0 else highest}."
        )
    return Source(name, class_names, {key: split for key, (split, _) in splits.items()})
