"""Finds picture files: in folders, by patterns, and by their own names."""

import glob
import os
from pathlib import Path
from typing import NamedTuple

EXTENSIONS = frozenset(
    [".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"]
)


class PictureFile(NamedTuple):
    """A picture file and where it was found.

    Attributes:
        path: Its path, a text.
        root: The folder that was asked for, or the part of a pattern before its first wildcard; of
            a file that was named, its folder.
    """

    path: str
    root: str

    @property
    def place(self):
        """Path below `root` without the ending, a `pathlib.Path`."""
        return Path(os.path.relpath(self.path, self.root or ".")).with_suffix("")


def is_picture(name):
    """Returns whether a file has the ending of a picture."""
    return os.path.splitext(name)[1].lower() in EXTENSIONS


def entries(folder):
    """Returns three lists of names in a folder: files, folders, and hidden files and folders."""
    files, folders, hidden = [], [], []
    with os.scandir(folder) as found:
        for entry in found:
            if entry.name.startswith(".") or entry.name == "__MACOSX":
                hidden.append(entry.name)
            else:
                (folders if entry.is_dir() else files).append(entry.name)
    return files, folders, hidden


def leads_back(path):
    """Returns whether a path is a link to a folder that holds it."""
    if not os.path.islink(path):
        return False
    holder, target = os.path.realpath(os.path.dirname(path)), os.path.realpath(path)
    return os.path.commonpath([holder, target]) == target


def find_pictures(names):
    """Finds the picture files that words of a command line name.

    A word is a file, whatever its ending; a folder, in and below which files with the ending of a
    picture are found, sorted by name, except for hidden ones; or a pattern with `*`, `?`, `[...]`
    or `**`, for folders of any depth, of whose matches the same are taken.

    Args:
        names: The words, texts or paths.

    Returns:
        A list of `PictureFile`s in the order of the words, each file once for a word; a list of
        sentences, one for each word that leads to no picture; and one of sentences on what else
        was found and left out.
    """
    pictures, missing, notes = [], [], []
    for text in map(str, names):
        matches, root = [text], text
        if not os.path.lexists(text) and glob.has_magic(text):
            matches = sorted(glob.glob(text, recursive=True), key=lambda match: match.split(os.sep))
            root = _plain_part(text)
        elif not os.path.isdir(text):
            pictures.append(PictureFile(text, os.path.dirname(text)))
            continue
        files = dict.fromkeys(file for match in matches for file in _files(match))
        found = [PictureFile(file, root) for file in files if is_picture(file)]
        others = len(files) - len(found)
        pictures += found
        if not found:
            where = "in the folder" if root == text else "that matches"
            beside = f", only other files ({others:,})" if others else ""
            missing.append(f"There is no picture {where} {text}{beside}.")
        elif others:
            notes.append(f"Files not named like a picture in {text}, left out: {others:,}.")
    return pictures, missing, notes


def _files(path):
    """Yields a file, or the files in and below a folder, sorted by name, without hidden ones."""
    if not os.path.isdir(path):
        yield path
        return
    files, folders, _ = entries(path)
    for name in sorted([*files, *folders]):
        inside = os.path.join(path, name)
        if not leads_back(inside):
            yield from _files(inside)


def _plain_part(pattern):
    """Returns the folders of a pattern before its first wildcard."""
    folder = os.path.dirname(pattern)
    while glob.has_magic(folder):
        folder = os.path.dirname(folder)
    return folder
