"""Fingerprints of sources: a checkpoint stores one, and a resumed run compares it."""

USED = ("train", "val", "test")  # the splits that a run reads


def fingerprint(source):
    """Describes what a run learns from: classes, version, counts and digests of the examples.

    Files are digested by their labels and their paths below the folder that holds them all, so the
    folder may be moved, and a million files need not be read; of 64 files in each split the content
    is digested too, with masks and boxes. Images in memory are digested by their pixels and all
    that is known of them. A set of TensorFlow Datasets that is not in memory is identified by its
    version.

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
        "digests": {name: split.digest() for name, split in splits.items()},
        "samples": {name: split.contents() for name, split in splits.items()},
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
            return f"its split {name} holds other pictures, masks or boxes under the same names"
    return None
