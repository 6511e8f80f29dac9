"""A source of pictures in class folders."""

import os
from pathlib import Path

from keras_vit.data.sources.coco import from_coco
from keras_vit.data.sources.files import missing_classes, split_by_hash, split_of_files
from keras_vit.data.sources.listing import Findings, find_split_folders, list_classes
from keras_vit.data.sources.masks import from_masks
from keras_vit.data.sources.source import Source
from keras_vit.data.sources.split_names import choose_splits
from keras_vit.data.sources.unlabelled import from_unlabelled
from keras_vit.data.sources.voc import from_voc
from keras_vit.errors import UserError, first_few


def from_folder(path, *, test_fraction=None, strict=True):
    """Opens `DIR/train/<class>/*` and `DIR/test/<class>/*`, or `DIR/<class>/*`, as a source.

    Names of splits are read in any case and in the usual spellings (`split_names.SPELLINGS`), for
    example `Training` and `Testing`, or `train` and `valid`. Where no test split has class folders,
    as in ImageNet, the validation split becomes the test split; where there is neither, a stable
    hash of the file names chooses a share of the pictures. Two folders named like splits are always
    splits, and so is a folder named like `train` that holds folders; a single folder named like
    another split is a class.

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
        if (source := read(root, test_fraction, strict)) is not None:
            return source
    findings = Findings()
    folders = find_split_folders(root, findings)
    places, notes = ({"train": ""}, []) if folders is None else choose_splits(folders, root)
    listings = {name: list_classes(root, place, findings) for name, place in places.items()}
    class_names = tuple(listings["train"])
    if len(class_names) < 2:
        found = f"only {class_names[0]!r}" if class_names else "none"
        where = root / places["train"]
        raise UserError(f"{where} must hold a folder per class, at least two: found {found}.")
    faults = list(_faults(root, places, listings))
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
    if "test" not in files:
        in_test, note = split_by_hash([file for file, _ in files["train"]], test_fraction)
        pairs = list(zip(files["train"], in_test, strict=True))
        files["train"] = [pair for pair, test in pairs if not test]
        files["test"] = [pair for pair, test in pairs if test]
        notes.append(note)
    splits = {
        name: split_of_files([os.path.join(root, file) for file, _ in pairs], [y for _, y in pairs])
        for name, pairs in files.items()
    }
    notes += [*missing_classes(splits, class_names), *findings.notes()]
    return Source(root.resolve().name, class_names, splits, tuple(notes), tuple(faults))


def _faults(root, places, listings):
    """Yields a sentence for each reason why training or its test would go wrong."""
    train = listings["train"]
    if empty := [name for name, files in train.items() if not files]:
        yield (
            f"Every class needs a picture: in {root / places['train']} there is none of "
            f"{first_few(empty, len(empty))}."
        )
    for split, classes in listings.items():
        place = root / places[split]
        if strange := sorted(classes.keys() - train.keys()):
            yield (
                f"Every class of {place} must be one of {root / places['train']}, which has no "
                f"{first_few(strange, len(strange))}."
            )
        elif not any(classes.values()) and split != "train":
            yield f"Every split needs a picture: in {place} there is none."
