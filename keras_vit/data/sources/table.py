"""A table of paths and labels: CSV with a header, or one JSON object per line."""

import csv
import json
import os
from pathlib import Path

from keras_vit.data.sources.files import (
    DEFAULT_TEST_FRACTION,
    split_by_hash,
    split_of_files,
    train_and_test,
)
from keras_vit.data.sources.source import Source
from keras_vit.errors import UserError


def from_table(
    path,
    *,
    image_column="path",
    label_column="label",
    split_column="split",
    test_fraction=None,
):
    """Opens the pictures that a `.csv` or `.jsonl` table names, with their labels, as a source.

    Labels are names, put in their alphabetical order, or whole numbers from 0 on. A column of
    splits holds `train` and `test` (or `val`, `valid`, `validation`) in every row; without that
    column, a stable hash of the paths sets a share of the rows apart.

    Args:
        path: The table. Relative paths in it start at its folder.
        image_column: Name of the column of paths.
        label_column: Name of the column of labels.
        split_column: Name of the column of splits, which may be missing.
        test_fraction: Share of the test split where there is no such column, 0.1 by default.

    Returns:
        A `Source` of `EncodedSplit`s.

    Raises:
        ValueError: If the table cannot be read or is empty, or a column or value is missing or
            odd; the sentence names the row.
    """
    table = Path(path)
    rows = list(_read_rows(table))
    if not rows:
        raise UserError(f"{table} has no rows.")
    has_splits = any(split_column in row for _, row in rows)
    if has_splits and test_fraction is not None:
        raise UserError(
            "`test_fraction` is for tables without a column of splits: "
            f"received test_fraction={test_fraction}, and {table} has {split_column!r}."
        )
    files = [_text(table, number, row, image_column) for number, row in rows]
    labels, class_names = _labels(table, rows, label_column)
    if has_splits:
        where = [_text(table, number, row, split_column) for number, row in rows]
    else:
        fraction = DEFAULT_TEST_FRACTION if test_fraction is None else test_fraction
        where = ["test" if test else "train" for test in split_by_hash(files, fraction)]
    splits = {}
    for here, there in train_and_test(set(where)).items():
        chosen = [index for index, name in enumerate(where) if name == there]
        paths = [os.path.join(table.parent, files[index]) for index in chosen]
        splits[here] = split_of_files(paths, [labels[index] for index in chosen])
    unused = len(class_names) - len(set(labels))
    notes = (f"{table} has no row for {unused:,} of {len(class_names):,} classes.",)
    return Source(table.stem, class_names, splits, notes if unused else ())


def _read_rows(table):
    """Yields `(line number, {column: value})`."""
    if not table.is_file():
        raise UserError(f"There is no file {table}.")
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            if table.suffix.lower() == ".csv":
                reader = csv.DictReader(file, strict=True)
                for row in reader:
                    if None in row:
                        raise UserError(
                            f"{table}, line {reader.line_num}, must have as many values as the "
                            f"header: received {len(row[None])} more."
                        )
                    yield reader.line_num, row
                return
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, _json_object(table, number, line)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{table} cannot be read as a table: {error}.") from error


def _json_object(table, number, line):
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise UserError(f"{table}, line {number}, is no JSON: {error}.") from None
    if not isinstance(row, dict):
        raise UserError(f"{table}, line {number}, must be a JSON object: received {row!r}.")
    return row


def _value(table, number, row, column):
    if column not in row:
        columns = ", ".join(map(repr, row))
        raise UserError(f"{table}, line {number}, has no column {column!r}: it has {columns}.")
    if row[column] is None or row[column] == "":
        raise UserError(f"{table}, line {number}, has no value in column {column!r}.")
    return row[column]


def _text(table, number, row, column):
    value = _value(table, number, row, column)
    if not isinstance(value, str):
        raise UserError(
            f"{table}, line {number}, must hold text in column {column!r}: received {value!r}."
        )
    return value


def _labels(table, rows, column):
    """Returns labels `(N,)`, integers, and the names of all classes."""
    values = [_value(table, number, row, column) for number, row in rows]
    if all(_is_whole(value) for value in values):
        labels = [int(value) for value in values]
        names = tuple(map(str, range(max(labels) + 1)))
    else:
        odd = [index for index, value in enumerate(values) if not isinstance(value, str)]
        if odd:
            index = next((i for i in odd if not _is_whole(values[i])), odd[0])
            raise UserError(
                "Labels must all be names or all whole numbers from 0 on: "
                f"{table}, line {rows[index][0]}, has {values[index]!r}."
            )
        names = tuple(sorted(set(values)))
        index = {name: label for label, name in enumerate(names)}
        labels = [index[value] for value in values]
    if len(names) < 2:
        raise UserError(f"{table} must name at least two classes: found only {names[0]!r}.")
    return labels, names


def _is_whole(value):
    if isinstance(value, str):
        return value.isascii() and value.isdecimal()
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
