"""Fingerprints of sources: a checkpoint stores one, and a resumed run compares it."""

import hashlib
import os

import numpy as np
import tensorflow as tf

from keras_vit.data.sources.source import EncodedSplit, Split

USED = ("train", "test")  # the splits that a run reads
AT_ONCE = 1024  # images that are read together
SAMPLE = 64  # encoded pictures of a split whose content is compared


def fingerprint(source):
    """Describes what a run learns from: classes, version, counts and digests of the examples.

    Files are digested by their labels and their paths below the folder that holds them all, so the
    folder may be moved, and a million files need not be read; of 64 files in each split the content
    is digested too. Images in memory are digested by their pixels and labels. A set of TensorFlow
    Datasets that is not in memory is identified by its version.

    Args:
        source: A `keras_vit.data.Source`.

    Returns:
        A dictionary for JSON of `classes`, `version`, `counts`, `digests` and `samples`.
    """
    splits = {name: source.splits[name] for name in USED if name in source.splits}
    return {
        "classes": list(source.class_names),
        "version": source.version,
        "counts": {name: split.count for name, split in splits.items()},
        "digests": {name: _digest(split) for name, split in splits.items()},
        "samples": {name: _samples(split) for name, split in splits.items()},
    }


def describe_change(before, now):
    """Describes the first difference between two fingerprints of a source.

    Args:
        before: What `fingerprint` returned when the run began.
        now: What it returns now.

    Returns:
        The end of a sentence, such as "class 'cat' is new", or `None` where they are equal.
    """
    old, new = before["classes"], now["classes"]
    if gone := [name for name in old if name not in set(new)]:
        added = [name for name in new if name not in set(old)]
        return f"class {gone[0]!r} is gone" + (f" and {added[0]!r} is new" if added else "")
    if added := [name for name in new if name not in set(old)]:
        return f"class {added[0]!r} is new"
    if old != new:
        label = next(i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b)
        return f"class {label} is {new[label]!r} and was {old[label]!r}"
    if before["version"] != now["version"]:
        return f"it is {now['version'] or 'no set of TFDS'} and was {before['version'] or 'none'}"
    for name, count in before["counts"].items():
        if now["counts"].get(name) != count:
            return f"its split {name} holds {now['counts'].get(name, 0):,} and held {count:,}"
    for name, digest in before["digests"].items():
        if now["digests"][name] != digest:
            return f"its split {name} holds as many examples, but others or with other labels"
    for name, old in before.get("samples", {}).items():  # younger than some checkpoints
        pairs = zip(old, now["samples"][name], strict=False)
        if any(a != b for a, b in pairs if a and b):
            return f"its split {name} holds other pictures under the same names"
    return None


def _samples(split):
    """Returns digests of some encoded pictures, spread over a split; `None` of the unreadable.

    Two class folders that swap their names have the same paths as before.
    """
    if not isinstance(split, EncodedSplit):
        return []
    indices = np.linspace(0, split.count - 1, min(SAMPLE, split.count)).astype("int64")
    return [_content(split, index) for index in indices]


def _content(split, index):
    try:
        encoded, _ = split.read(tf.constant(index))
    except tf.errors.OpError:
        return None
    return hashlib.sha256(encoded.numpy()).hexdigest()[:16]


def _digest(split):
    digest = hashlib.sha256()
    if isinstance(split, Split):
        split = split.original or split  # reading resized images takes longer and adds nothing
        for start in range(0, split.count, AT_ONCE):
            images, labels = split.read(np.arange(start, min(start + AT_ONCE, split.count)))
            digest.update(np.ascontiguousarray(images))
            digest.update(np.asarray(labels, "int64"))
    elif isinstance(split, EncodedSplit):
        paths = [split.path(index).replace(os.sep, "/") for index in range(split.count)]
        ends = [min(paths, default=""), max(paths, default="")]  # all others share their prefix
        shared = os.path.commonprefix(ends).rpartition("/")[0]
        relative = "\0".join(path[len(shared) :] for path in paths)
        digest.update(relative.encode("utf-8", "surrogateescape"))
        if split.labels is not None:
            digest.update(np.asarray(split.labels, "int64"))
    return digest.hexdigest()
