"""A source of pictures with masks: `DIR/train/images/*` and `DIR/train/masks/*`."""

import os

from keras_vit.data.sources.files import MASKS_ONLY, split_of_files
from keras_vit.data.sources.listing import Findings, list_beside
from keras_vit.data.sources.source import Source
from keras_vit.data.sources.split_names import choose_splits, refuse_test_fraction
from keras_vit.errors import UserError, first_few

FOLDERS = ("images", "masks")


def from_masks(root, test_fraction=None, strict=True):
    """Opens a folder whose splits hold the folders `images` and `masks`, as a source.

    A mask belongs to the picture whose name it has, except for the ending. The pictures have no
    labels.

    Args:
        root: The folder, a `pathlib.Path`.
        test_fraction: Must be `None`: the folders decide what belongs to which split.
        strict: Whether a picture without a mask is an error. If not, such pictures are left out and
            named in `Source.faults`.

    Returns:
        A `Source` of `EncodedSplit`s, or `None` where the splits hold no such folders.

    Raises:
        ValueError: If there is no training split, a split has two names or no picture with a mask,
            two masks have the name of one picture, or `test_fraction` is passed; if `strict`, also
            if a picture has no mask.
    """
    findings = Findings()
    listed = list_beside(root, FOLDERS, findings)
    if listed is None:
        return None
    refuse_test_fraction(test_fraction, root / min(listed))
    places, notes = choose_splits(listed, root)
    splits, faults = {}, []
    for split, place in places.items():
        images, masks = listed[place]
        by_stem = {_stem(path): path for path in masks}
        if len(by_stem) < len(masks):
            raise UserError(f"A picture must have one mask: two have one name in {root / place}.")
        if bare := [path for path in images if _stem(path) not in by_stem]:
            few = f"{len(bare):,} ({first_few(bare)})"
            faults.append(f"Every picture of {root / place} needs a mask: missing for {few}.")
        images = [path for path in images if _stem(path) in by_stem]
        if not images:
            raise UserError(f"A split needs pictures with masks: {root / place} has none.")
        if unused := by_stem.keys() - {_stem(path) for path in images}:
            some = first_few(sorted(by_stem[stem] for stem in unused))
            notes.append(f"Masks without a picture, left out: {len(unused):,} ({some}).")
        splits[split] = split_of_files(
            [os.path.join(root, path) for path in images],
            masks=[os.path.join(root, by_stem[_stem(path)]) for path in images],
        )
    if strict and faults:
        raise UserError(" ".join(faults))
    notes = (MASKS_ONLY, *notes, *findings.notes())
    return Source(root.resolve().name, (), splits, notes, tuple(faults))


def _stem(path):
    return os.path.splitext(os.path.basename(path))[0]
