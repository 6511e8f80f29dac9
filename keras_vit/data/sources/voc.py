"""A source of pictures with boxes in XML or text files, as Pascal VOC writes them."""

import os

from keras_vit.data.sources.boxes import PICTURES, Annotated, source_of_boxes
from keras_vit.data.sources.split_names import split_name, split_names
from keras_vit.data.sources.voc_annotation import is_annotation, read_annotation
from keras_vit.errors import UserError, first_few
from keras_vit.images.picture_files import entries, is_picture

ANNOTATIONS = ("annotation", "annotations", "labels", "xml", "xmls")  # folders, in any case
LISTS = os.path.join("ImageSets", "Main")


def from_voc(root, test_fraction=None, strict=True, to_judge=False):
    """Opens a folder with annotations of Pascal VOC as a source.

    An annotation is an XML file, or a text of version 1.00 as Penn-Fudan has them, with the name of
    its picture, except for the ending. It lies beside the picture, or in a folder `Annotations`
    beside a folder `JPEGImages`; further names of both are `ANNOTATIONS` and `boxes.PICTURES`. This
    folder is `root`, or one for each split. In `root`, the lists `ImageSets/Main/train.txt` and the
    like choose the splits, if there are any.

    Pascal VOC counts pixels from 1, and `xmax` and `ymax` are the last pixels of a box. Here, boxes
    are edges that count from 0: `(xmin - 1, ymin - 1, xmax, ymax)`. A text states the number of its
    first pixel. Boxes that are marked as difficult are ignored, see
    `keras_vit.data.ignored_boxes`.

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
    reader.note_unread(places)
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
            explains = is_annotation(root / folder / name)
            if explains or is_picture(name):
                path = os.path.join(folder, name).replace(os.sep, "/")
                pairs.setdefault(os.path.splitext(name)[0], ([], []))[explains].append(path)
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

    def note_unread(self, places):
        """Notes folders that hold neither the pictures nor the annotations."""
        known = {*PICTURES, *ANNOTATIONS, LISTS.split(os.sep)[0].casefold()}
        unread = sorted(
            os.path.join(place, name)
            for place in places
            for name in entries(self.root / place)[1]
            if name.casefold() not in known
        )
        if unread:
            few = first_few(unread)
            self._notes.append(f"Folders without pictures that have boxes, not read: {few}.")

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
        annotation, boxes = read_annotation(path), []
        left, top = annotation.first
        for name, (x_min, y_min, x_max, y_max), is_difficult in annotation.objects:
            for kind, is_one in (
                (self._difficult, is_difficult),
                (self._zeros, (x_min == 0 and left) or (y_min == 0 and top)),
                (self._thin, x_min == x_max or y_min == y_max),
            ):
                kind.extend([path.stem] * bool(is_one))
            corners = (
                (x_min or left) - left,
                (y_min or top) - top,
                x_max + 1 - left,
                y_max + 1 - top,
            )
            boxes.append((corners, name, is_difficult))
        return boxes, annotation.size
