"""Reads the rows of a table: path, label, split and mask, or a sentence on what is wrong."""

import csv
import json
from collections.abc import Callable
from typing import NamedTuple

from keras_vit.errors import UserError, first_few


class Row(NamedTuple):
    """The values of a row of a table.

    Attributes:
        path: Path of the picture, as the table holds it.
        label: Name of the class, without spaces around it; `None` if the table has no labels.
        split: Name of the split; `None` if the table has no column of splits.
        mask: Path of the mask; `None` if the table has no column of masks.
    """

    path: str
    label: str | None
    split: str | None
    mask: str | None


def read_rows(table, names, strict):
    """Reads the rows of a `.csv` or `.jsonl` table.

    Args:
        table: Path of the table, a `pathlib.Path`.
        names: Names of the columns of paths, labels, splits and masks. That of labels may be
            missing where there are masks, those of splits and masks always.
        strict: Whether a row that cannot be used is an error.

    Returns:
        Three lists: a `Row` for each row that can be used, a sentence for each row that cannot, and
        sentences for `Source.notes`.

    Raises:
        ValueError: If the table is missing or cannot be read, two of its columns have one name, a
            column has almost the name of that of splits or masks, or there is no row that can be
            used; if `strict`, also if there is a row that cannot be used.
    """
    columns, numbered, faults = {}, [], []

    def attempt(function: Callable, *arguments):
        try:
            return function(*arguments)
        except UserError as error:
            if strict:
                raise
            faults.append(str(error))

    for number, content in _read(table):
        if row := attempt(_parse, table, number, content):
            columns.update(dict.fromkeys(row))
            numbered.append((number, row))
    image, label, split, mask = names
    has_splits, has_masks = (_has(table, columns, name) for name in (split, mask))
    has_labels = not has_masks or _has(table, columns, label)
    optional = {label: has_labels, split: has_splits, mask: has_masks}
    used = [image, *(name for name, has in optional.items() if has)]
    spaces = []
    rows = [
        row
        for number, content in numbered
        if (row := attempt(_row, f"{table}, line {number},", content, names, used, spaces))
    ]
    if not rows:
        raise UserError(faults[0] if faults else f"{table} has no rows.")
    notes = []
    if unused := [column for column in columns if column not in used]:
        notes.append(f"Columns that are not used: {len(unused):,} ({first_few(unused)}).")
    if spaces:
        notes.append(f"Labels with spaces around them, left out: {len(spaces):,} ({spaces[0]!r}).")
    return rows, faults, notes


def _read(table):
    """Yields line number and row: a dictionary in CSV, the text of the line in JSON."""
    if not table.is_file():
        raise UserError(f"There is no file {table}.")
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            if table.suffix.lower() == ".csv":
                reader = csv.DictReader(file, strict=True)
                header = reader.fieldnames or []
                if twice := [name for name in header if name and header.count(name) > 1]:
                    raise UserError(f"{table} has two columns called {twice[0]!r}.")
                for row in reader:
                    yield reader.line_num, row
            else:
                yield from ((number, line) for number, line in enumerate(file, 1) if line.strip())
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{table} cannot be read as a table: {error}.") from error


def _parse(table, number, content):
    """Returns a row as a dictionary, whatever the format of the table."""
    if isinstance(content, dict):
        if None in content:
            raise UserError(
                f"{table}, line {number}, must have as many values as the header: received "
                f"{len(content[None])} more."
            )
        return content
    try:
        row = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{table}, line {number}, is no JSON: {error}.") from None
    if not isinstance(row, dict):
        raise UserError(
            f"{table}, line {number}, must be a JSON object: received {content[:50]!r}."
        )
    return row


def _has(table, columns, name):
    """Returns whether a table has an optional column; a column of a similar name is refused."""
    for column in columns:
        if column != name and column.strip().casefold() == name.casefold():
            raise UserError(f"{table} has a column {column!r}, which must be called {name!r}.")
    return name in columns


def _row(where, content, names, used, spaces):
    kinds = dict(zip(names, (_text, _label, _text, _text), strict=True))
    path, label, split, mask = (
        kind(where, content, name) if name in used else None for name, kind in kinds.items()
    )
    for text in (path, label, mask):
        try:
            (text or "").encode()
        except UnicodeEncodeError:  # JSON can hold half a surrogate pair
            raise UserError(f"{where} must hold text in UTF-8: received {text!r}.") from None
    if label is not None and label != label.strip():
        spaces.append(label)
    return Row(path, label and label.strip(), split and split.strip(), mask)


def _value(where, content, column):
    if column not in content:
        columns = ", ".join(map(repr, content))
        raise UserError(f"{where} has no column {column!r}: it has {columns}.")
    value = content[column]
    if value is None or isinstance(value, str) and not value.strip():
        raise UserError(f"{where} has no value in column {column!r}.")
    return value


def _text(where, content, column):
    value = _value(where, content, column)
    if not isinstance(value, str):
        raise UserError(f"{where} must hold text in column {column!r}: received {value!r}.")
    return value


def _label(where, content, column):
    value = _value(where, content, column)
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return json.dumps(value)  # as it is written: 7, true
    raise UserError(
        f"{where} must hold text, an integer or a boolean in column {column!r}: received {value!r}."
    )
