"""Makes a source of pictures with boxes, whatever the format of their annotations."""

import os
from collections.abc import Hashable
from typing import NamedTuple

from keras_vit.data.ignored_boxes import ignored
from keras_vit.data.left_out import note_on_left_out
from keras_vit.data.sources.files import split_of_files, with_test
from keras_vit.data.sources.source import Source
from keras_vit.data.sources.split_names import choose_splits, refuse_test_fraction
from keras_vit.errors import UserError, first_few

# Folders, in any case.
PICTURES = ("image", "images", "img", "imgs", "jpegimages", "pictures", "pngimages")


class Annotated(NamedTuple):
    """A picture and its boxes.

    Attributes:
        path: Path of the picture, relative to the folder of the source.
        boxes: Triples of corners `(x_min, y_min, x_max, y_max)` in pixels from the top left corner
            of the picture; the class, as its format identifies it; and whether the box is ignored,
            neither learned nor counted.
        size: Height and width of the picture as its annotation states them; zeros if it does not.
    """

    path: str
    boxes: list[tuple[tuple[float, float, float, float], Hashable, bool]]
    size: tuple[int, int] = (0, 0)


def source_of_boxes(root, found, classes, *, test_fraction, to_judge, notes, faults):
    """Makes a source of pictures with boxes.

    Args:
        root: The folder, a `pathlib.Path`.
        found: A list of `Annotated` for each name of a split; of `""` where there are no splits.
        classes: The name of each class, by what identifies it, in the order of their numbers.
        test_fraction: Share of the test split where there is none, between 0 and 1, or `None`.
        to_judge: As `open_source` takes it.
        notes: Sentences for `Source.notes`.
        faults: Sentences for `Source.faults`.

    Returns:
        A `Source` of `EncodedSplit`s.

    Raises:
        ValueError: If there is no training split, a split has two names or no picture, there is no
            class, or `test_fraction` is out of its range or passed though there is a test split.
    """
    notes = ["The pictures have boxes and no labels.", *notes]
    pictures = found
    if "" not in found:
        places, more_notes = choose_splits(found, root, to_judge)
        notes += more_notes
        pictures = {split: found[place] for split, place in places.items()}
    if empty := [split or "the folder" for split, each in pictures.items() if not each]:
        raise UserError(f"A split needs pictures with annotations: {empty[0]} of {root} has none.")
    if not classes:
        raise UserError(f"A source needs a box: no annotation in {root} has one.")
    if "test" in pictures:
        refuse_test_fraction(test_fraction, f"a test split in {root}")
    else:
        pictures = {split: sorted(each) for split, each in pictures.items()}
        pictures, more_notes = with_test(
            pictures, lambda picture: picture.path, test_fraction, to_judge
        )
        notes += more_notes
    notes += _left_out(each for split in pictures.values() for each in split)
    numbers = {key: number for number, key in enumerate(classes)}
    splits = {}
    for split, each in pictures.items():
        boxes = [
            [(corners, (ignored if out else int)(numbers[key])) for corners, key, out in x.boxes]
            for x in each
        ]
        paths, sizes = [os.path.join(root, x.path) for x in each], [x.size for x in each]
        splits[split] = split_of_files(paths, boxes=boxes, stated_sizes=sizes)
        seen = {key for picture in each for _, key, out in picture.boxes if not out}
        if missing := [name for key, name in classes.items() if key not in seen]:
            few = f"{len(missing):,} ({first_few(missing)})"
            notes.append(f"Classes of which {split} has no box: {few}.")
    return Source(root.resolve().name, tuple(classes.values()), splits, tuple(notes), tuple(faults))


def _left_out(pictures):
    """Returns the note on boxes that are left out, by the sizes that annotations state."""
    pictures = list(pictures)
    boxes = [[corners for corners, _, _ in each.boxes] for each in pictures]
    return note_on_left_out(boxes, [x.size for x in pictures], [x.path for x in pictures])
