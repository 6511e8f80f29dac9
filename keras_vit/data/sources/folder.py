"""A source of pictures in class folders."""

import os
from pathlib import Path

from keras_vit.data.sources.coco import from_coco
from keras_vit.data.sources.files import missing_classes, split_of_files, with_test
from keras_vit.data.sources.listing import Findings, find_split_folders, list_classes
from keras_vit.data.sources.masks import from_masks
from keras_vit.data.sources.source import Source
from keras_vit.data.sources.split_names import choose_splits
from keras_vit.data.sources.unlabelled import from_unlabelled
from keras_vit.data.sources.voc import from_voc
from keras_vit.errors import UserError, first_few


def from_folder(path, *, test_fraction=None, strict=True, to_judge=False):
    """Opens `DIR/train/<class>/*` and `DIR/test/<class>/*`, or `DIR/<class>/*`, as a source.

    Names of splits are read in any case and in the usual spellings (`split_names.SPELLINGS`), for
    example `Training` and `Testing`, or `train` and `valid`. Where no test split has class folders,
    as in ImageNet, the validation split becomes the test split; where there is neither, a stable
    hash of the file names chooses a share of the pictures. Two folders named like splits are always
    splits, and so is a folder named like `train` that holds folders; a single folder named like
    another split is a class, unless nothing lies beside it.

    Classes and files are sorted by name; folders below a class belong to it. `Source.notes` names
    what is left out: hidden files, files that are not named like pictures or lie in no class
    folder, and folders that are neither splits nor classes.

    Where no split has class folders, or the folder holds pictures and no folders, the pictures have
    no labels: see `from_unlabelled`. Where every split holds the folders `images` and `masks`, the
    pictures have masks: see `from_masks`. Where there are annotations of Pascal VOC or COCO, they
    have boxes: see `from_voc` and `from_coco`.

    Args:
        path: The folder.
        test_fraction: Share of the test split where the folder has none, between 0 and 1; 0.1 by
            default.
        strict: Whether classes without a training picture are an error. If not, `Source.faults`
            names them.
        to_judge: As `open_source` takes it; the classes are then those of all splits, and one may
            be enough.

    Returns:
        A `Source` of `EncodedSplit`s.

    Raises:
        ValueError: If the folder is missing, there are fewer than two classes, there is no training
            split or it holds no class folders, a split has two names, splits stand below a class,
            `test_fraction` is out of its range, leaves a split without pictures, or is passed
            though there is a test split, or a class name is no text on one line; if `strict`, also
            if a class has no training picture, or another split has no picture, or has a class that
            the training split lacks.
    """
    root = Path(path)
    if not root.is_dir():
        raise UserError(f"There is no folder {root}.")
    for read in (from_voc, from_coco, from_masks, from_unlabelled):
        if (source := read(root, test_fraction, strict, to_judge)) is not None:
            return source
    findings = Findings()
    folders = find_split_folders(root, findings)
    places, notes = {"": ""}, []
    if folders is not None:
        places, notes = choose_splits(folders, root, to_judge)
    listings = {name: list_classes(root, place, findings) for name, place in places.items()}
    decisive = next(iter(places))  # train, or what is there without splits
    class_names = tuple(sorted({*listings[decisive]}.union(*listings.values() if to_judge else ())))
    least = 1 if to_judge else 2
    if len(class_names) < least:
        found = f"only {class_names[0]!r}" if class_names else "none"
        where, count = root / places[decisive], ("one", "two")[least - 1]
        raise UserError(f"{where} must hold a folder per class, at least {count}: found {found}.")
    faults = [] if to_judge else list(_faults(root, places, listings))
    if to_judge and not any(files for classes in listings.values() for files in classes.values()):
        raise UserError(f"A source needs a picture: {root} has none in {first_few(class_names)}.")
    if strict and faults:
        raise UserError(" ".join(faults))
    if "test" in places and test_fraction is not None:
        raise UserError(
            "`test_fraction` is for folders without a test split: "
            f"received test_fraction={test_fraction}, and there is {root / places['test']}."
        )
    files = {
        name: [(file, label) for label, c in enumerate(class_names) for file in classes.get(c, ())]
        for name, classes in listings.items()
    }
    files, more_notes = with_test(files, lambda pair: pair[0], test_fraction, to_judge)
    notes += more_notes
    splits = {
        name: split_of_files([os.path.join(root, file) for file, _ in pairs], [y for _, y in pairs])
        for name, pairs in files.items()
    }
    notes += [*missing_classes(splits, class_names), *findings.notes()]
    return Source(root.resolve().name, class_names, splits, tuple(notes), tuple(faults))


def _faults(root, places, listings):
    """Yields a sentence for each reason why training or its test would go wrong."""
    learned = next(iter(listings))
    train, home = listings[learned], root / places[learned]
    if empty := [name for name, files in train.items() if not files]:
        few = first_few(empty, len(empty))
        yield f"Every class needs a picture: in {home} there is none of {few}."
    for split, classes in listings.items():
        place = root / places[split]
        if strange := sorted(classes.keys() - train.keys()):
            few = first_few(strange, len(strange))
            yield f"Every class of {place} must be one of {home}, which has no {few}."
        elif not any(classes.values()) and split != learned:
            yield f"Every split needs a picture: in {place} there is none."
