"""What splits are called in folders, tables and TFDS, and which of them is the test split."""

import re

from keras_vit.errors import UserError, first_few

SPELLINGS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "validate", "dev", "eval", "evaluation"),
    "test": ("test", "testing", "holdout"),
}
_SPLITS = {word: split for split, words in SPELLINGS.items() for word in words}


def split_name(text):
    """Returns `"train"`, `"val"` or `"test"` for a name that means it, else `None`.

    Case, spaces, hyphens and underscores do not count, nor does a last word such as in
    `Training_Set`, `test-data`, `valid images`.
    """
    word = re.sub(r"[\s_-]", "", text).casefold()
    return _SPLITS.get(re.sub(r"(set|data|split|images)$", "", word))


def choose_splits(names, place):
    """Decides what the splits of a set are called here.

    `val` becomes the test split where there is no other. A name of no known meaning stays as it
    is.

    Args:
        names: What the splits are called there.
        place: The set, as a message names it.

    Returns:
        `{name here: name there}`, train and test first, and notes for a person.

    Raises:
        ValueError: If there is no `train`, or a split has two names.
    """
    found, notes = {}, []
    for name in sorted(names):
        found.setdefault(split_name(name) or name, []).append(name)
    for split, spellings in found.items():
        if len(spellings) > 1:
            raise UserError(
                f"A split must have one name: received {' and '.join(spellings)}, which both mean "
                f"{split}, in {place}."
            )
    if "train" not in found:
        raise UserError(
            f"One split must be called train: received {', '.join(sorted(names))} in {place}."
        )
    if "test" not in found and "val" in found:
        found["test"] = found.pop("val")
        notes.append(f"There is no test split: {found['test'][0]} serves as one.")
    order = sorted(found, key=lambda split: (split != "train", split != "test", split))
    if unused := [found[split][0] for split in order if split not in ("train", "test")]:
        notes.append(f"Splits that no training uses: {len(unused):,} ({first_few(unused)}).")
    return {split: found[split][0] for split in order}, notes
