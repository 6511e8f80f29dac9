"""Pictures in files of their own: read in any order, split by a hash of their names."""

import hashlib
import os

import tensorflow as tf

from keras_vit.data.labels import check_labels
from keras_vit.data.sources.source import EncodedSplit
from keras_vit.errors import UserError

DEFAULT_TEST_FRACTION = 0.1
TEST_NAMES = ("test", "val", "valid", "validation")  # the first that is there becomes "test"


def split_of_files(paths, labels):
    """Makes an `EncodedSplit` of picture files `(N,)` and their labels `(N,)`."""
    encoded = [os.fsencode(path) for path in paths]
    # Tensors, as in `Split.in_memory`: a million paths do not belong into a graph.
    with tf.device("CPU"):
        tensors = tf.constant(encoded, tf.string), tf.constant(labels, tf.int64)

    def read(index):
        path, label = (tf.gather(tensor, index) for tensor in tensors)
        return tf.io.read_file(path), label

    labels = check_labels(labels, len(encoded))
    return EncodedSplit(len(encoded), read, lambda index: os.fsdecode(encoded[index]), labels)


def split_by_hash(paths, test_fraction):
    """Tells which files, named by their relative paths, belong to the test split.

    The hash of a name alone decides, so a file that is added or removed moves no other.

    Args:
        paths: Relative paths with forward slashes, `(N,)`.
        test_fraction: Expected share of the test split.

    Returns:
        A list of booleans `(N,)`.

    Raises:
        ValueError: If the fraction is out of range, or one side is left without pictures.
    """
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
    return in_test


def train_and_test(names):
    """Says what the splits of a set are called here: `{name here: name there}`, train first.

    Raises:
        ValueError: If there is no `train`.
    """
    if "train" not in names:
        raise UserError(f"One split must be called train: received {', '.join(sorted(names))}.")
    rest = [name for name in TEST_NAMES if name in names]
    splits = {"train": "train"}
    if rest:
        splits["test"] = rest[0]
    splits.update((name, name) for name in sorted(names) if name not in splits.values())
    return splits
