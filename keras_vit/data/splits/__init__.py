"""The three kinds of split: in memory, encoded, and sequential.

Each answers `batches(order, finish, crop, broken)`, which gives its examples in an order, and has:

- `count`, the number of its examples, and `labels` `(N,)`, `None` if they are not known;
- `image_shape`, `(H, W, C)`, `None` where pictures must be decoded and cropped, and `channels`;
- `named`, whether each example has a name of its own, and `path(index)`, that name;
- `guarantee`, a sentence on what its order does not keep, for people; empty if it keeps all;
- `keys`, those of its samples;
- `each()`, which reads every example once, for checks;
- `drawn(count, seed)`, a smaller split of the same kind, and `subset(indices)`, one of the examples
  that are picked, `None` where none can be;
- `digest()` and `contents()`, by which a resumed run knows it.
"""

import dataclasses

from keras_vit.data.splits.encoded import EncodedSplit
from keras_vit.data.splits.in_memory import Split, in_memory_preprocessing
from keras_vit.data.splits.sequential import SequentialSplit

__all__ = ["EncodedSplit", "SequentialSplit", "Split", "draw", "in_memory_preprocessing", "reduced"]


def draw(split, count, seed):
    """Draws some examples of a split at random, each at most once.

    Args:
        split: A `Split`, `EncodedSplit` or `SequentialSplit`.
        count: How many examples; a split that has no more is returned as it is.
        seed: Seed of the choice, an integer.

    Returns:
        A split of the same class.
    """
    return split if count >= split.count else split.drawn(count, seed)


def reduced(split, keys):
    """Leaves tensors out of the samples of a split.

    Args:
        split: A `Split`, `EncodedSplit` or `SequentialSplit`.
        keys: Keys of the samples that are kept.

    Returns:
        A split of the same class; the same one where its samples have no other keys.
    """
    if split.keys <= set(keys):
        return split

    def kept(sample):
        return {key: tensor for key, tensor in sample.items() if key in keys}

    if isinstance(split, SequentialSplit):
        return SequentialSplit(split.count, lambda **how: split.stream(**how).map(kept))
    labels = split.labels if "label" in keys else None
    return dataclasses.replace(split, read=lambda index: kept(split.read(index)), labels=labels)
