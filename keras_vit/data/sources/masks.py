"""A source of pictures with masks: `DIR/train/images/*` and `DIR/train/masks/*`, or no splits."""

import os

from keras_vit.data.sources.files import MASKS_ONLY, split_of_files, with_test
from keras_vit.data.sources.listing import Findings, list_beside
from keras_vit.data.sources.source import Source
from keras_vit.data.sources.split_names import choose_splits, refuse_test_fraction
from keras_vit.errors import UserError, first_few

FOLDERS = ("images", "masks")


def from_masks(root, test_fraction=None, strict=True, to_judge=False):
    """Opens a folder that holds the folders `images` and `masks`, or whose splits do, as a source.

    A mask belongs to the picture whose name it has, except for the ending. The pictures have no
    labels.

    Args:
        root: The folder, a `pathlib.Path`.
        test_fraction: Share of the test split where the folder has no splits, between 0 and 1; 0.1
            by default.
        strict: Whether a picture without a mask is an error. If not, such pictures are left out and
            named in `Source.faults`.
        to_judge: As `open_source` takes it.

    Returns:
        A `Source` of `EncodedSplit`s, or `None` where the splits hold no such folders.

    Raises:
        ValueError: If there is no training split, a split has two names or no picture with a mask,
            two masks have the name of one picture, or `test_fraction` is out of its range, leaves a
            split without pictures, or is passed though there are splits; if `strict`, also if a
            picture has no mask.
    """
    findings = Findings()
    listed = list_beside(root, FOLDERS, findings)
    if listed is None:
        return None
    places, notes = {"": ""}, []
    if "" not in listed:
        refuse_test_fraction(test_fraction, root / min(listed))
        places, notes = choose_splits(listed, root, to_judge)
    pairs, faults = {}, []
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
        pairs[split] = [(path, by_stem[_stem(path)]) for path in images]
    if "" in pairs:
        pairs, more_notes = with_test(pairs, lambda pair: pair[0], test_fraction, to_judge)
        notes += more_notes
    splits = {
        split: split_of_files(
            [os.path.join(root, image) for image, _ in each],
            masks=[os.path.join(root, mask) for _, mask in each],
        )
        for split, each in pairs.items()
    }
    if strict and faults:
        raise UserError(" ".join(faults))
    notes = (MASKS_ONLY, *notes, *findings.notes())
    return Source(root.resolve().name, (), splits, notes, tuple(faults))


def _stem(path):
    return os.path.splitext(os.path.basename(path))[0]
