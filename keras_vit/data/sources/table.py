"""A source of the pictures in a table: CSV with a header, or one JSON object per line."""

import os
from pathlib import Path

from keras_vit.data.sources.files import MASKS_ONLY, missing_classes, split_of_files, with_test
from keras_vit.data.sources.source import Source
from keras_vit.data.sources.split_names import choose_splits
from keras_vit.data.sources.table_rows import read_rows
from keras_vit.errors import UserError, first_few


def from_table(
    path,
    *,
    image_column="path",
    label_column="label",
    split_column="split",
    mask_column="mask",
    test_fraction=None,
    strict=True,
    to_judge=False,
):
    """Opens the pictures that a `.csv` or `.jsonl` table names as a source, with labels or masks.

    Labels are names of classes. Texts that differ are different names, except that spaces around
    them are ignored. The names are sorted alphabetically, or by number where they are exactly the
    integers from 0 to K - 1 without leading zeros. An integer or boolean in JSON is taken as the
    text that the file holds.

    A column of splits must hold a name in every row, in one of the spellings that `from_folder`
    reads. Without that column, a stable hash of the paths chooses the rows of the test split. It
    takes the path below the table's folder, so that table and pictures can be moved together; for
    pictures elsewhere, the path below the folder that holds all of these.

    Args:
        path: The table. Relative paths in it start at its folder.
        image_column: Name of the column of paths.
        label_column: Name of the column of labels.
        split_column: Name of the column of splits, which may be missing.
        mask_column: Name of the column of paths of masks, which may be missing; where it is not,
            that of labels may be.
        test_fraction: Share of the test split where there is no column of splits, between 0 and 1;
            0.1 by default.
        strict: Whether a row that cannot be used is an error. If not, such rows are left out and
            named in `Source.faults`.
        to_judge: As `open_source` takes it; one class is then enough.

    Returns:
        A `Source` of `EncodedSplit`s.

    Raises:
        ValueError: If the table cannot be read, two of its columns have one name, or it has no row
            that can be used; there are fewer than two classes, there is no training split, a split
            has two names, or a class name is not on one line; `test_fraction` is out of its range,
            leaves a split without pictures, or is passed though there is a column of splits. If
            `strict`, also if a row lacks a column or value or holds one of a wrong type: the
            sentence names the row.
    """
    table = Path(path)
    names = image_column, label_column, split_column, mask_column
    rows, faults, notes = read_rows(table, names, strict)
    has_splits = rows[0].split is not None
    if has_splits and test_fraction is not None:
        raise UserError(
            "`test_fraction` is for tables without a column of splits: "
            f"received test_fraction={test_fraction}, and {table} has {split_column!r}."
        )
    labels = {row.label for row in rows} - {None}
    class_names, more_notes = _class_names(table, labels, least=1 if to_judge else 2)
    notes += more_notes
    if has_splits:
        places, more_notes = choose_splits({row.split for row in rows}, table, to_judge)
        chosen_of = {
            split: [row for row in rows if row.split == place] for split, place in places.items()
        }
    else:
        portable = dict(zip(rows, _portable([row.path for row in rows], table), strict=True))
        chosen_of, more_notes = with_test({"": rows}, portable.__getitem__, test_fraction, to_judge)
    notes += more_notes
    numbers = {name: number for number, name in enumerate(class_names)}
    splits = {}
    for split, chosen in chosen_of.items():
        splits[split] = split_of_files(
            [os.path.join(table.parent, row.path) for row in chosen],
            [numbers[row.label] for row in chosen] if class_names else None,
            [os.path.join(table.parent, row.mask) for row in chosen] if rows[0].mask else None,
        )
    if class_names:
        notes += missing_classes(splits, class_names)
    return Source(table.stem, class_names, splits, tuple(notes), tuple(faults))


def _class_names(table, labels, least):
    """Returns the names of the classes in the order of their numbers, and notes for the source."""
    if not labels:
        return (), [MASKS_ONLY]
    if len(labels) < least:
        raise UserError(f"{table} must name at least two classes: found only {labels.pop()!r}.")
    numbers = tuple(map(str, range(len(labels))))
    if labels == set(numbers):
        return numbers, []
    if not all(label.isdecimal() for label in labels):
        return tuple(sorted(labels)), []
    few = first_few(sorted(labels))
    return tuple(sorted(labels)), [
        f"Labels that are not all the integers from 0 to K - 1 are taken as names: {few}."
    ]


def _portable(files, table):
    """Returns the paths of a table in a form that does not depend on the table's own place."""
    folder = os.path.abspath(table.parent)
    folders = [os.path.join(folder, ""), os.path.join(os.path.realpath(folder), "")]
    real = {}
    paths = [os.path.normpath(os.path.join(folder, file)) for file in files]
    for index, path in enumerate(paths):
        if path.startswith(folders[0]):
            continue
        place, name = os.path.split(path)
        real[place] = real.get(place) or os.path.realpath(place)
        paths[index] = os.path.join(real[place], name)
    outside = [path for path in paths if not path.startswith(tuple(folders))]
    if outside:
        folders.append(os.path.join(os.path.commonpath(map(os.path.dirname, outside)), ""))
    names = (
        next(path[len(start) :] for start in folders if path.startswith(start)) for path in paths
    )
    return [name.replace(os.sep, "/") for name in names]
