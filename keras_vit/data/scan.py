"""One pass over a split that records label, size and a hash of the pixels of every picture."""

import concurrent.futures
import dataclasses
import hashlib
import itertools
import os
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from keras_vit.data.broken import why_unreadable
from keras_vit.data.fit import wrong_boxes, wrong_mask
from keras_vit.data.sample import named_key
from keras_vit.images.decode import decode_picture
from keras_vit.images.masks import decode_mask

BLOCK = 1024  # examples between two reports of progress
UNKNOWN = -1  # the label of what has none, or cannot be read; of a place without a box


@dataclasses.dataclass
class Scan:
    """What a pass over a split of `N` examples recorded, 32 bytes each, and its ids.

    Attributes:
        labels: `(N,)`, int64.
        sizes: Heights and widths in pixels `(N, 2)`, int32; zeros where a picture is broken.
        digests: Hashes `(N,)` of shape and pixels, 16 bytes each.
        broken: A sentence on what is wrong with a picture, by the index of the example.
        bad_masks: A sentence on what is wrong with a mask, by the index of the example.
        bad_boxes: A sentence on what is wrong with its boxes, by the index of the example.
        ids: The distinct ids of the mask and the labels of the boxes, arrays by the index of the
            example; a dictionary for each of `mask` and `box_labels`, empty where there are none.
        key: What the names of classes belong to: see `keras_vit.data.sample.named_key`.
        path: Returns the path, or another name, of the example with an index.
    """

    labels: np.ndarray
    sizes: np.ndarray
    digests: np.ndarray
    broken: dict[int, str]
    bad_masks: dict[int, str]
    bad_boxes: dict[int, str]
    ids: dict[str, dict[int, np.ndarray]]
    key: str | None
    path: Callable[[int], str]

    @property
    def good(self):
        """Indices of the pictures that can be read, int64 `(M,)`."""
        return np.flatnonzero(self.sizes[:, 0])


def scan_split(split, advance: Callable[[int], None] = lambda count: None):
    """Reads every picture of a split once, on all cores.

    Args:
        split: A `Split`, `EncodedSplit` or `SequentialSplit`.
        advance: Is called with the number of examples that were read since the last call.

    Returns:
        A `Scan`.
    """
    scan = Scan(
        labels=np.full(split.count, UNKNOWN),
        sizes=np.zeros((split.count, 2), "int32"),
        digests=np.zeros(split.count, "V16"),
        broken={},
        bad_masks={},
        bad_boxes={},
        ids={"mask": {}, "box_labels": {}},
        key=named_key(split.keys),
        path=split.path,
    )

    def look(index, example: Callable[[], dict]):
        try:
            sample = example()
            picture, scan.labels[index] = sample["image"], sample.get("label", UNKNOWN)
            pixels = picture if isinstance(picture, np.ndarray) else decode_picture(picture)
        except tf.errors.OpError as error:
            scan.broken[index] = why_unreadable(error)
        except ValueError as error:
            scan.broken[index] = str(error)
        else:
            scan.sizes[index] = pixels.shape[:2]
            scan.digests[index] = np.void(_digest(pixels))
            if "mask" in sample:
                look_at_mask(index, sample["mask"], pixels.shape[:2])
            if "boxes" in sample:
                look_at_boxes(index, sample, pixels.shape[:2])

    def look_at_mask(index, mask, size):
        try:
            numbers = mask if isinstance(mask, np.ndarray) else decode_mask(mask)
        except ValueError as error:
            scan.bad_masks[index] = str(error)
            return
        scan.ids["mask"][index] = np.unique(numbers)
        if wrong := wrong_mask(numbers, size):
            scan.bad_masks[index] = wrong

    def look_at_boxes(index, sample, size):
        labels = np.asarray(sample["box_labels"])
        scan.ids["box_labels"][index] = labels[labels != UNKNOWN]
        if wrong := wrong_boxes(np.asarray(sample["boxes"])[labels != UNKNOWN], size):
            scan.bad_boxes[index] = wrong

    examples = zip(range(split.count), split.each(), strict=False)
    # Threads are enough: Pillow's decoders and the hash functions release Python's lock.
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for block in iter(lambda: list(itertools.islice(examples, BLOCK)), []):
            for _ in pool.map(look, *zip(*block, strict=True)):
                pass
            advance(len(block))
    return scan


def _digest(pixels):
    """Hashes shape and pixels to 16 bytes; a grey picture has one hash, with 1 or 3 channels."""
    first, last = pixels[..., 0], pixels[..., -1]
    if np.array_equal(first, last) and np.array_equal(first, pixels[..., pixels.shape[2] // 2]):
        pixels = pixels[..., :1]
    digest = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels))
    return digest.digest()
