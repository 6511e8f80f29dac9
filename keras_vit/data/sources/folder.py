"""A folder of class folders."""

import os
from pathlib import Path

from keras_vit.data.sources.files import (
    DEFAULT_TEST_FRACTION,
    TEST_NAMES,
    split_by_hash,
    split_of_files,
    train_and_test,
)
from keras_vit.data.sources.source import Source
from keras_vit.errors import UserError

EXTENSIONS = frozenset(
    [".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"]
)


def from_folder(path, *, test_fraction=None):
    """Opens `DIR/train/<class>/*` and `DIR/test/<class>/*`, or `DIR/<class>/*`, as a source.

    The test split may also be called `val`, `valid` or `validation`; where `test` holds no class
    folders, as ImageNet's does not, the next of these names is taken. Without one, a stable hash
    of the file names sets a share of the pictures apart. Classes are in the order of their names,
    and so are the files; folders below a class belong to it. What is hidden is passed over; what
    is not named like a picture, or lies beside the class folders, is left out, and `Source.notes`
    says so.

    Args:
        path: The folder.
        test_fraction: Share of the test split where the folder has none, 0.1 by default.

    Returns:
        A `Source` of `EncodedSplit`s.

    Raises:
        ValueError: If the folder is missing, a class is empty, there are fewer than two, splits
            differ in their classes, or `test_fraction` is given beside a test split.
    """
    root = Path(path)
    if not root.is_dir():
        raise UserError(f"There is no folder {root}.")
    places = _split_places(root)
    listings = {name: _list_classes(root, place) for name, place in places.items()}
    class_names = _class_names(listings, root)
    if "test" in places and test_fraction is not None:
        raise UserError(
            "`test_fraction` is for folders without a test split: "
            f"received test_fraction={test_fraction}, and there is {root / places['test']}."
        )
    files = {
        name: [(file, label) for label, c in enumerate(class_names) for file in classes[c]]
        for name, (classes, _) in listings.items()
    }
    if "test" not in files:
        fraction = DEFAULT_TEST_FRACTION if test_fraction is None else test_fraction
        in_test = split_by_hash([file for file, _ in files["train"]], fraction)
        pairs = list(zip(files["train"], in_test, strict=True))
        files["train"] = [pair for pair, test in pairs if not test]
        files["test"] = [pair for pair, test in pairs if test]
    splits = {
        name: split_of_files([os.path.join(root, file) for file, _ in pairs], [y for _, y in pairs])
        for name, pairs in files.items()
    }
    others = [file for _, left_out in listings.values() for file in left_out]
    return Source(root.resolve().name, class_names, splits, _notes(others))


def _split_places(root):
    """Returns `{split: folder below root}`; `""` where the folder itself holds the classes."""
    if not _subfolders(root / "train"):
        return {"train": ""}
    return train_and_test([name for name in ("train", *TEST_NAMES) if _subfolders(root / name)])


def _subfolders(folder):
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if _is_shown(entry.name) and entry.is_dir())


def _is_shown(name):
    return not name.startswith(".") and name != "__MACOSX"


def _list_classes(root, place):
    """Returns `{class: its pictures}`, sorted, and other files, as paths relative to `root`."""
    prefix = f"{place}/" if place else ""
    with os.scandir(root / place) as entries:
        others = [prefix + e.name for e in entries if _is_shown(e.name) and not e.is_dir()]
    classes = {}
    for name in _subfolders(root / place):
        classes[name] = []
        for file in _walk(root / place / name, prefix + name):
            is_picture = os.path.splitext(file)[1].lower() in EXTENSIONS
            (classes[name] if is_picture else others).append(file)
        classes[name].sort()
    return classes, sorted(others)


def _walk(folder, relative):
    with os.scandir(folder) as entries:
        for entry in entries:
            if not _is_shown(entry.name):
                continue
            inner = f"{relative}/{entry.name}"
            if not entry.is_dir():
                yield inner
            elif not (entry.is_symlink() and _leads_back(entry)):
                yield from _walk(entry.path, inner)


def _leads_back(entry):
    """Says whether a link leads to a folder that holds it."""
    holder = os.path.realpath(os.path.dirname(entry.path))
    target = os.path.realpath(entry.path)
    return os.path.commonpath([holder, target]) == target


def _class_names(listings, root):
    train, _ = listings["train"]
    if len(train) < 2:
        found = f"only {next(iter(train))!r}" if train else "none"
        raise UserError(f"{root} must hold a folder per class, at least two: found {found}.")
    for name, (classes, _) in listings.items():
        if differing := sorted(train.keys() ^ classes.keys()):
            raise UserError(
                f"All splits must have the same classes: train and {name} of {root} differ in "
                f"{_some(differing)}."
            )
        if empty := [class_name for class_name, files in classes.items() if not files]:
            raise UserError(
                f"Every class needs a picture: in {name} of {root} there is none of {_some(empty)}."
            )
    return tuple(train)


def _notes(others):
    if not others:
        return ()
    return (f"Files left out for their names or places: {len(others):,} ({_some(others)}).",)


def _some(names, limit=3):
    return ", ".join(names[:limit]) + (", ..." if len(names) > limit else "")
