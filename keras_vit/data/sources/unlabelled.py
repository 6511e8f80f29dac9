"""A source of pictures that lie in no class folders, and so have no labels."""

import os

from keras_vit.data.sources.files import split_of_files, with_test
from keras_vit.data.sources.listing import Findings, list_flat
from keras_vit.data.sources.source import Source
from keras_vit.data.sources.split_names import choose_splits, refuse_test_fraction

NOTE = "There are no class folders: the pictures have no labels."


def from_unlabelled(root, test_fraction=None, strict=True, to_judge=False):
    """Opens `DIR/train/*` and `DIR/test/*`, or `DIR/*`, as a source without labels.

    Where there are no splits, all pictures are the split `train`, unless `test_fraction` sets some
    apart.

    Args:
        root: The folder, a `pathlib.Path`.
        test_fraction: Share of the test split where the folder has no splits, between 0 and 1.
        strict: Ignored; a picture without a label lacks nothing here.
        to_judge: As `open_source` takes it.

    Returns:
        A `Source` of `EncodedSplit`s without class names, or `None` where the folder has class
        folders or no pictures.

    Raises:
        ValueError: If a split has two names, or `test_fraction` is out of its range, leaves a split
            without pictures, or is passed though there are splits.
    """
    findings = Findings()
    pictures = list_flat(root, findings, to_judge)
    if pictures is None:
        return None
    notes = [NOTE]
    if "" not in pictures:
        refuse_test_fraction(test_fraction, root / min(pictures))
        places, more_notes = choose_splits(pictures, root, to_judge)
        files = {name: pictures[place] for name, place in places.items()}
    elif test_fraction is None and not to_judge:
        files, more_notes = {"train": pictures[""]}, []
    else:
        files, more_notes = with_test(pictures, str, test_fraction, to_judge)
    notes += more_notes
    splits = {
        name: split_of_files([os.path.join(root, file) for file in each])
        for name, each in files.items()
    }
    return Source(root.resolve().name, (), splits, (*notes, *findings.notes()))
