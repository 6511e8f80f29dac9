"""Recognises the names of splits in folders, tables and TFDS, and chooses the test split."""

import os
import re

from keras_vit.errors import UserError, first_few

SPELLINGS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "validate", "dev", "development", "eval", "evaluation"),
    "test": ("test", "testing", "holdout"),
}
_BESIDE = "data|set|split|images|imgs|pictures|photos|files"  # says nothing of the split
_SPLITS = {word: split for split, words in SPELLINGS.items() for word in words}


def split_name(text):
    """Recognises the usual spellings of `"train"`, `"val"` and `"test"`.

    Case, spaces, hyphens and underscores are ignored, and so are numbers and the other words of
    names like `Training_Set`, `test-dataset`, `images_train`, `val2017` and `01_train`.

    Args:
        text: Name of a split, a folder or a value of a table.

    Returns:
        `"train"`, `"val"` or `"test"`; `None` for any other name.
    """
    word = re.sub(r"^\d+|[\s_.-]", "", text).casefold()
    return _SPLITS.get(re.sub(rf"^({_BESIDE})+|({_BESIDE})*((19|20)\d\d)?$", "", word))


def split_names(names):
    """Recognises the splits in a set of names that belong together.

    What all names share in front, up to a separator, is ignored, and what they share behind, from a
    separator or a number on: `seg_train` and `seg_test`, `train_256` and `test_256`.

    Args:
        names: Names of folders, or values of a table.

    Returns:
        A dictionary from each name to `"train"`, `"val"`, `"test"` or `None`.
    """
    front = os.path.commonprefix(list(names))
    back = os.path.commonprefix([name[::-1] for name in names])[::-1]
    start = len(re.match(r"(.*[\s_.-])?", front)[0])
    end = len(re.search(r"([\s_.(-].*|\d+)?$", back)[0])
    return {name: split_name(name) or split_name(name[start : len(name) - end]) for name in names}


def refuse_test_fraction(test_fraction, found):
    """Refuses a share of the test split where folders decide what belongs to which split.

    Args:
        test_fraction: The share, or `None` if none was passed.
        found: The folder of a split, for the message.

    Raises:
        ValueError: If a share was passed.
    """
    if test_fraction is not None:
        raise UserError(
            "`test_fraction` is for folders without splits: "
            f"received test_fraction={test_fraction}, and there is {found}."
        )


def choose_splits(names, place, to_judge=False):
    """Maps the splits of a set to `"train"`, `"test"` and others.

    `val` becomes the test split where there is no other. Unknown names stay as they are.

    Args:
        names: The names of the splits in the set.
        place: The folder or table, for messages.
        to_judge: As `open_source` takes it: whether a source without `train` is one.

    Returns:
        A dictionary from our name of each split to its name in the set, `train` and `test` first;
        and a list of sentences for `Source.notes`.

    Raises:
        ValueError: If there is no `train`, except to judge, or a split has two names.
    """
    names_of, notes = {}, []
    for name, split in sorted(split_names(names).items()):
        names_of.setdefault(split or name, []).append(name)
    for split, spellings in names_of.items():
        if len(spellings) > 1:
            raise UserError(
                f"A split must have one name: received {' and '.join(spellings)}, which both mean "
                f"{split}, in {place}."
            )
    if "train" not in names_of and not to_judge:
        raise UserError(
            f"One split must be called train: received {', '.join(sorted(names))} in {place}."
        )
    if "test" not in names_of and "val" in names_of:
        names_of["test"] = names_of.pop("val")
        notes.append(f"There is no test split: {names_of['test'][0]} serves as one.")
    order = sorted(names_of, key=lambda split: (split != "train", split != "test", split))
    unused = [names_of[split][0] for split in order if split not in SPELLINGS]
    if unused and not to_judge:
        notes.append(f"Splits that no training uses: {len(unused):,} ({first_few(unused)}).")
    return {split: names_of[split][0] for split in order}, notes
