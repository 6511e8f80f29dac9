"""Lists the pictures in a folder of class folders, and notes what else lies there."""

import collections
import os

from keras_vit.data.sources.split_names import split_names
from keras_vit.errors import UserError, first_few
from keras_vit.images.picture_files import entries, is_picture, leads_back

STRAY = "Files in no class folder, left out"
FOREIGN = "Files not named like a picture, left out"
HIDDEN = "Hidden files and folders, left out"
EMPTY = "Folders without a picture"
DEEPER = "Folders below a class folder, whose pictures belong to that class"
CIRCLES = "Links to a folder above them, not followed"
BESIDE = "Folders beside those of the splits, left out"
FLAT = "Splits without class folders, left out"
OUTSIDE = "Files in no split, left out"


class Findings:
    """Collects paths that are left out or unusual, by kind."""

    def __init__(self):
        self._paths = collections.defaultdict(list)

    def add(self, kind, path):
        """Adds a path.

        Args:
            kind: What is unusual about it, such as `HIDDEN`.
            path: The path, relative to the folder of the source.
        """
        self._paths[kind].append(path)

    def notes(self):
        """Returns a list with a sentence for each kind: how many paths there are, and the first."""
        return [
            f"{kind}: {len(paths):,} ({first_few(sorted(paths))})."
            for kind, paths in self._paths.items()
        ]


def find_split_folders(root, findings):
    """Decides whether a folder holds splits or classes, and lists the splits.

    Two folders named like splits are splits, and so is a folder named like `train` that holds
    folders. A single other one is a class where something lies beside it: `test` beside `control`,
    or `train` beside `plane`; alone it is a split if it holds folders.

    Args:
        root: The folder.
        findings: A `Findings`, to which everything else in the folder is added.

    Returns:
        The names of the splits' folders that hold class folders, or `None` where `root` itself
        holds the class folders.

    Raises:
        ValueError: If the training split, or every split, holds no class folders, or if the folder
            of a class holds splits.
    """
    files, folders, hidden = entries(root)
    named = {name: split for name, split in split_names(folders).items() if split}
    with_classes = [name for name in named if entries(os.path.join(root, name))[1]]
    is_alone = with_classes == folders != []
    if len(named) < 2 and not is_alone and not any(named[name] == "train" for name in with_classes):
        _refuse_splits_below(root, folders)
        return None
    flat = sorted(named.keys() - set(with_classes), key=lambda name: (named[name] != "train", name))
    if flat and (named[flat[0]] == "train" or not with_classes):
        raise UserError(
            f"The split {flat[0]} of {root} must hold a folder per class: found none. "
            f"(Classes called {' and '.join(sorted(named))} need a table.)"
        )
    for kind, names in {STRAY: files, HIDDEN: hidden}.items():
        for name in names:
            findings.add(kind, name)
    for name in folders:
        if name not in named:
            findings.add(BESIDE, name)
        elif name in flat:
            count = len(os.listdir(os.path.join(root, name)))
            findings.add(FLAT, f"{name} of {count:,} file{'s' if count != 1 else ''}")
    return with_classes


def _refuse_splits_below(root, classes):
    """Raises a `ValueError` if the folder of a class holds two splits, which would be mixed."""
    for name in sorted(classes):
        splits = split_names(entries(os.path.join(root, name))[1])
        splits = {folder: split for folder, split in splits.items() if split}
        if len(set(splits.values())) > 1:
            found = " and ".join(f"{name}/{folder}" for folder in sorted(splits))
            raise UserError(f"Folders of splits must stand above classes: found {found} in {root}.")


def list_flat(root, findings, to_judge=False):
    """Lists the pictures of a folder without class folders, or of its splits without them.

    Args:
        root: The folder of the source.
        findings: A `Findings`, to which everything that is left out is added.
        to_judge: Whether folders that are all named like splits are splits without `train`, too.

    Returns:
        A dictionary from the name of each split's folder, or from `""` for `root` itself, to the
        sorted paths of its pictures, relative to `root`; `None` where there are class folders, or
        a split has no picture.
    """
    files, folders, hidden = entries(root)
    named = {name: split for name, split in split_names(folders).items() if split}
    are_splits = len(named) > 1 and "train" in named.values() or to_judge and list(named) == folders
    if folders and not are_splits:
        return None
    insides = {f"{name}/": entries(os.path.join(root, name)) for name in named}
    insides = insides or {"": (files, [], [])}
    if any(folders for _, folders, _ in insides.values()):
        return None
    pictures = {
        place: sorted(place + name for name in files if is_picture(name))
        for place, (files, _, _) in insides.items()
    }
    if not all(pictures.values()):
        return None
    left_out = [(HIDDEN, name) for name in hidden]
    left_out += [(BESIDE, name) for name in folders if name not in named]
    left_out += [(OUTSIDE, name) for name in files if named]
    for place, (files, _, hidden) in insides.items():
        left_out += [(HIDDEN, place + name) for name in hidden]
        left_out += [(FOREIGN, place + name) for name in files if not is_picture(name)]
    for kind, path in left_out:
        findings.add(kind, path)
    return {place.removesuffix("/"): paths for place, paths in pictures.items()}


def list_beside(root, names, findings):
    """Lists the pictures in folders of fixed names that every split, or `root` itself, holds.

    Args:
        root: The folder of the source.
        names: The names of these folders.
        findings: A `Findings`, to which everything that is left out is added.

    Returns:
        A dictionary from the name of each split's folder, or from `""` for `root` itself, to a list
        for each of `names`: the sorted paths of its pictures, relative to `root`. `None` where
        there are other folders, or none.
    """
    files, folders, hidden = entries(root)
    named = [name for name, split in split_names(folders).items() if split]
    insides = [set(entries(os.path.join(root, name))[1]) for name in named]
    if set(folders) == set(names):
        named = [""]
    elif not named or any(inside != set(names) for inside in insides):
        return None
    beside = sorted({*folders} - {*named, *(names if named == [""] else ())})
    left_out = {OUTSIDE: files, HIDDEN: hidden, BESIDE: beside}
    for kind, paths in left_out.items():
        for path in paths:
            findings.add(kind, path)
    return {
        place: [
            sorted(_pictures(root, f"{place}/{name}".lstrip("/"), findings, depth=0))
            for name in names
        ]
        for place in named
    }


def list_classes(root, place, findings):
    """Lists the pictures of each class in a folder of class folders.

    Args:
        root: The folder of the source.
        place: Path of the folder of class folders below `root`, `""` for `root` itself.
        findings: A `Findings`, to which everything that is left out is added.

    Returns:
        A dictionary from the name of each class to the paths of its pictures, relative to `root`;
        names and paths are sorted.
    """
    files, folders, hidden = entries(os.path.join(root, place))
    prefix = f"{place}/" if place else ""
    for kind, names in {STRAY: files, HIDDEN: hidden}.items():
        for name in names:
            findings.add(kind, prefix + name)
    return {
        name: sorted(_pictures(root, prefix + name, findings, depth=0)) for name in sorted(folders)
    }


def _pictures(root, place, findings, depth):
    """Returns the pictures in and below a folder, relative to `root`."""
    files, folders, hidden = entries(os.path.join(root, place))
    for name in hidden:
        findings.add(HIDDEN, f"{place}/{name}")
    pictures = []
    for name in files:
        if is_picture(name):
            pictures.append(f"{place}/{name}")
        else:
            findings.add(FOREIGN, f"{place}/{name}")
    if pictures and depth:
        findings.add(DEEPER, place)
    for name in folders:
        if leads_back(os.path.join(root, place, name)):
            findings.add(CIRCLES, f"{place}/{name}")
        else:
            pictures += _pictures(root, f"{place}/{name}", findings, depth + 1)
    if not pictures and (depth or not folders):
        findings.add(EMPTY, place)
    return pictures
