"""Pictures in separate files: read in any order, and split by a hash of their names."""

import hashlib
import os
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from keras_vit.data.labels import check_labels
from keras_vit.data.sources.padding import boxes_reader
from keras_vit.data.splits import EncodedSplit
from keras_vit.errors import UserError, first_few

DEFAULT_TEST_FRACTION = 0.1
ALL = "all"  # the split of a source without splits, where it is judged
MASKS_ONLY = "The pictures have masks and no labels."


def split_of_files(paths, labels=None, masks=None, boxes=None, stated_sizes=None):
    """Makes an `EncodedSplit` of picture files and what is known of them.

    Args:
        paths: Paths of the files `(N,)`; none is opened yet.
        labels: Integer labels `(N,)`, or `None`.
        masks: Paths of the masks `(N,)`, or `None`.
        boxes: A list of pairs of corners and label for each picture, or `None`.
        stated_sizes: As `EncodedSplit` has them, a list of pairs, or `None`.

    Returns:
        The `EncodedSplit`. Boxes are padded to the largest count of a picture.

    Raises:
        ValueError: If there are not as many labels as paths, or one is negative.
    """
    encoded = [os.fsencode(path) for path in paths]
    # Tensors, as in `Split.in_memory`: a million paths do not belong in a graph.
    with tf.device("CPU"):
        tensors = {"image": tf.constant(encoded, tf.string)}
        if labels is not None:
            tensors["label"] = tf.constant(labels, tf.int64)
        if masks is not None:
            tensors["mask"] = tf.constant([os.fsencode(path) for path in masks], tf.string)

    read_boxes = (lambda index: {}) if boxes is None else boxes_reader(boxes)

    def read(index):
        sample = {name: tf.gather(tensor, index) for name, tensor in tensors.items()}
        is_path = {name: tensor.dtype == tf.string for name, tensor in sample.items()}
        sample = {name: tf.io.read_file(x) if is_path[name] else x for name, x in sample.items()}
        return sample | read_boxes(index)

    labels = None if labels is None else check_labels(labels, len(encoded))
    sizes = None  # else floats, which hold any number that a file states
    if stated_sizes is not None:
        sizes = np.array(stated_sizes, "float64").reshape(-1, 2)
    path = lambda index: os.fsdecode(encoded[index])  # noqa: E731
    return EncodedSplit(len(encoded), read, path, labels, sizes)


def with_test(splits, path_of: Callable[[object], str], test_fraction, to_judge=False):
    """Sets the test split apart where a source has none.

    Args:
        splits: A list of what stands for each picture, by the name of the split; by `""` where the
            source has no splits.
        path_of: Returns the relative path of one of these, with forward slashes.
        test_fraction: As `split_by_hash` takes it.
        to_judge: Whether nothing is set apart unless `test_fraction` says so: a source without
            splits becomes the split `ALL`.

    Returns:
        The same dictionary without `""`, and a list of sentences for `Source.notes`.

    Raises:
        ValueError: If `split_by_hash` raises it.
    """
    whole = splits.get("", splits.get("train"))
    if "test" in splits or whole is None:
        return splits, []
    if to_judge and test_fraction is None:
        if "" not in splits:
            return splits, [f"There is no test split, but {', '.join(splits)}."]
        return {ALL: whole}, [
            f"There are no splits: all {len(whole):,} pictures are judged. Pass `test_fraction` to "
            "judge only those that a training on them has set apart."
        ]
    in_test, note = split_by_hash([path_of(picture) for picture in whole], test_fraction)
    pairs = list(zip(whole, in_test, strict=True))
    parts = {
        name: [picture for picture, test in pairs if test == (name == "test")]
        for name in ("train", "test")
    }
    others = {name: each for name, each in splits.items() if name not in ("", "train")}
    return parts | others, [note]


def split_by_hash(paths, test_fraction):
    """Chooses the files of the test split by a hash of their relative paths.

    Only the hash of its path decides to which split a file belongs, so a file that is added or
    removed moves no other file.

    Args:
        paths: Relative paths with forward slashes, `(N,)`.
        test_fraction: Expected share of the test split, between 0 and 1; `None` is 0.1.

    Returns:
        A list of booleans `(N,)`, true for the test split, and a note for `Source.notes`.

    Raises:
        ValueError: If the fraction is out of range, or one split gets no pictures.
    """
    if test_fraction is None:
        test_fraction = DEFAULT_TEST_FRACTION
    if not 0 < test_fraction < 1:
        raise UserError(
            f"`test_fraction` must lie between 0 and 1: received test_fraction={test_fraction}."
        )

    def place(path):
        digest = hashlib.blake2b(os.fsencode(path), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64

    in_test = [place(path) < test_fraction for path in paths]
    if all(in_test) or not any(in_test):
        raise UserError(
            "`test_fraction` must leave pictures in both splits: received "
            f"test_fraction={test_fraction} and {len(in_test)} pictures."
        )
    share = f"{sum(in_test):,} of {len(in_test):,} pictures"
    return in_test, f"There is no test split: {share}, chosen by their names, serve as one."


def missing_classes(splits, class_names):
    """Writes a note for each split that holds no example of some class.

    Args:
        splits: An `EncodedSplit` with known labels for each name of a split.
        class_names: Names of the classes, in the order of the labels.

    Returns:
        A list of sentences for `Source.notes`.
    """
    notes = []
    for name, split in splits.items():
        counts = np.bincount(split.labels, minlength=len(class_names))
        if missing := [class_names[label] for label in np.flatnonzero(counts == 0)]:
            notes.append(
                f"Classes of which {name} has no picture: {len(missing):,} ({first_few(missing)})."
            )
    return notes
