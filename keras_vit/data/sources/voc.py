"""A source of pictures with boxes in XML files, as Pascal VOC writes them."""

import math
import os
from xml.etree import ElementTree

from keras_vit.data.sources.boxes import PICTURES, Annotated, source_of_boxes
from keras_vit.data.sources.split_names import split_name, split_names
from keras_vit.errors import UserError, first_few
from keras_vit.images.picture_files import entries, is_picture

ANNOTATIONS = ("annotation", "annotations", "labels", "xml", "xmls")  # folders, in any case
LISTS = os.path.join("ImageSets", "Main")
SIDES = ("xmin", "ymin", "xmax", "ymax")


def from_voc(root, test_fraction=None, strict=True, to_judge=False):
    """Opens a folder with annotations of Pascal VOC as a source.

    An annotation is an XML file with the name of its picture, except for the ending. It lies beside
    the picture, or in a folder `Annotations` beside a folder `JPEGImages`; further names of both
    are `ANNOTATIONS` and `boxes.PICTURES`. This folder is `root`, or one for each split. In `root`,
    the lists `ImageSets/Main/train.txt` and the like choose the splits, if there are any.

    Pascal VOC counts pixels from 1, and `xmax` and `ymax` are the last pixels of a box. Here, boxes
    are edges that count from 0: `(xmin - 1, ymin - 1, xmax, ymax)`. Boxes that are marked as
    difficult are ignored, see `keras_vit.data.ignored_boxes`.

    Args:
        root: The folder, a `pathlib.Path`.
        test_fraction: Share of the test split where there is none, between 0 and 1; 0.1 by default.
        strict: Whether a picture without an annotation that can be read is an error. If not, such
            pictures are left out and named in `Source.faults`.
        to_judge: As `open_source` takes it.

    Returns:
        A `Source` of `EncodedSplit`s whose classes are sorted by name, or `None` where no picture
        has such an annotation.

    Raises:
        ValueError: If two pictures or two annotations have one name, or `source_of_boxes` refuses
            what is found; if `strict`, also if a picture has no annotation, or it cannot be read.
    """
    places = {"": _pairs(root, "")}
    if not any(map(all, places[""].values())):
        folders = entries(root)[1]
        places = {
            name: pairs
            for name, split in split_names(folders).items()
            if split and any(map(all, (pairs := _pairs(root, name)).values()))
        }
    if not places:
        return None
    reader = _Reader(root)
    found = {}
    for place, pairs in places.items():
        lists = {} if place else _lists(root)
        listed = {stem for stems in lists.values() for stem in stems}
        bare = [stem for stem, (pictures, _) in pairs.items() if pictures]
        for split, stems in (lists or {place: sorted(bare)}).items():
            where = root / LISTS / f"{split}.txt" if lists else root / place
            found[split] = reader.read(where, pairs, stems)
        reader.note("Pictures in no list of a split, left out", set(bare) - listed if lists else ())
        reader.note("Annotations without a picture, left out", pairs.keys() - set(bare) - listed)
    if strict and reader.faults:
        raise UserError(reader.faults[0])
    names = sorted({name for each in found.values() for x in each for _, name, _ in x.boxes})
    return source_of_boxes(
        root,
        found,
        {name: name for name in names},
        test_fraction=test_fraction,
        to_judge=to_judge,
        notes=reader.notes(),
        faults=reader.faults,
    )


def _pairs(root, place):
    """Returns the paths of pictures and of annotations below a folder, by name without ending."""
    folders = entries(root / place)[1]
    inside = [name for name in folders if name.casefold() in PICTURES + ANNOTATIONS]
    pairs = {}
    for folder in (place, *(os.path.join(place, name) for name in inside)):
        for name in entries(root / folder)[0]:
            stem, ending = os.path.splitext(name)
            is_annotation = ending.lower() == ".xml"
            if is_annotation or is_picture(name):
                path = os.path.join(folder, name).replace(os.sep, "/")
                pairs.setdefault(stem, ([], []))[is_annotation].append(path)
    return pairs


def _lists(root):
    """Returns the names of the pictures of each split, by the name of its list."""
    if not (root / LISTS).is_dir():
        return {}
    lists = {}
    for path in sorted((root / LISTS).glob("*.txt")):
        if split_name(path.stem):  # others are `trainval`, and those of one class
            lines = path.read_text("utf-8", "replace").splitlines()
            lists[path.stem] = [line.strip() for line in lines if line.strip()]
    return lists


class _Reader:
    """Reads annotations, and collects what is wrong with them or worth a note."""

    def __init__(self, root):
        self.root, self.faults, self._notes = root, [], []
        self._difficult, self._zeros, self._thin = [], [], []

    def note(self, kind, names):
        if names:
            self._notes.append(f"{kind}: {len(names):,} ({first_few(sorted(names))}).")

    def notes(self):
        self.note("Boxes marked as difficult, neither learned nor counted", self._difficult)
        self.note("Boxes that start at 0, though Pascal VOC counts from 1, taken as 1", self._zeros)
        self.note("Boxes of which a side is one pixel, kept", self._thin)
        return self._notes

    def read(self, where, pairs, stems):
        """Returns the pictures of some names, with their boxes."""
        found, missing = [], {"picture": [], "annotation": []}
        for stem in stems:
            both = pairs.get(stem, ([], []))
            for what, paths in zip(missing, both, strict=True):
                if len(paths) > 1:
                    raise UserError(
                        f"Each name must have one {what}: received {' and '.join(sorted(paths))} "
                        f"in {self.root}."
                    )
                if not paths:
                    missing[what].append(stem)
            if all(both):
                try:
                    found.append(Annotated(both[0][0], *self._boxes(self.root / both[1][0])))
                except UserError as error:
                    self.faults.append(str(error))
        for what, names in missing.items():
            if names:
                few = f"{len(names):,} ({first_few(names)})"
                self.faults.append(f"Every name of {where} needs one {what}: missing for {few}.")
        return found

    def _boxes(self, path):
        """Returns the boxes of an annotation, and the size of the picture that it states."""
        tree, boxes = _parse(path), []
        for thing in tree.findall("object"):
            name = (thing.findtext("name") or "").strip()
            if not name:
                raise UserError(f"Every <object> must have a <name>: {path} has one without.")
            texts = [thing.findtext(f"bndbox/{side}") for side in SIDES]
            x_min, y_min, x_max, y_max = map(_number, texts)
            if None in (x_min, y_min, x_max, y_max):
                received = ", ".join(f"{s}={text}" for s, text in zip(SIDES, texts, strict=True))
                raise UserError(f"Every <bndbox> must hold four numbers: {path} has {received}.")
            is_difficult = (thing.findtext("difficult") or "").strip() == "1"
            for kind, is_one in (
                (self._difficult, is_difficult),
                (self._zeros, x_min == 0 or y_min == 0),
                (self._thin, x_min == x_max or y_min == y_max),
            ):
                kind.extend([path.stem] * is_one)
            corners = (x_min or 1) - 1, (y_min or 1) - 1, x_max, y_max
            boxes.append((corners, name, is_difficult))
        height, width = (_number(tree.findtext(f"size/{side}")) for side in ("height", "width"))
        return boxes, (int(height or 0), int(width or 0))


def _parse(path):
    """Parses an annotation; without a DOCTYPE there are no entities, which could grow or leak."""
    data = path.read_bytes()
    if b"<!DOCTYPE" in data.replace(b"\0", b""):  # UTF-16 as well
        raise UserError(f"An annotation must have no DOCTYPE: {path} has one.")
    try:
        tree = ElementTree.fromstring(data)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise UserError(f"{path} is no XML: {error}.") from error
    if tree.tag != "annotation":
        raise UserError(f"{path} must hold an <annotation>: received <{tree.tag}>.")
    return tree


def _number(text):
    """Returns a finite number, or `None` where a text is none."""
    try:
        number = float(text)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
