"""Tables and JSON lines in files: written completely or not at all, row by row."""

import contextlib
import csv
import functools
import json

from keras_vit.files import atomic_write
from keras_vit.tasks.task import Task

SUFFIXES = (".csv", ".jsonl")


@contextlib.contextmanager
def csv_file(path):
    """Opens a CSV file that replaces an old one when the `with` block ends without an error.

    Names of files that are not UTF-8 keep their bytes. Values with commas, quotes or line breaks
    are quoted.

    Args:
        path: The file, a `pathlib.Path`.

    Yields:
        A `csv.writer`.

    Raises:
        OSError: If it cannot be written.
    """
    with atomic_write(path) as unfinished:
        how = dict(newline="", encoding="utf-8", errors="surrogateescape")
        with open(unfinished, "w", **how) as file:
            yield csv.writer(file)


def json_line(content):
    r"""Returns a JSON object on one line, as bytes in UTF-8 that end in a newline.

    Bytes of a name that are not UTF-8 are written as JSON writes what UTF-8 has no letter for,
    `\udcff` for the byte 255; `os.fsencode` turns what `json.loads` makes of it into the bytes
    again.

    Args:
        content: A dictionary.

    Raises:
        ValueError: If a number in it is not finite.
    """
    text = json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode("utf-8", "backslashreplace")


def is_table(path):
    """Returns whether the flag `--out` names a table of answers, and not a folder."""
    return path is not None and path.suffix.lower() in SUFFIXES and not path.is_dir()


@contextlib.contextmanager
def answers_file(path, top):
    """Opens a `.csv` or `.jsonl` file of answers, which replaces an old one when the block ends.

    Args:
        path: The file, a `pathlib.Path`.
        top: For how many classes of a picture a row of a `.csv` file has columns.

    Yields:
        A function that writes the answer to a picture: it takes a path and the classes, the first
        one first, as `keras_vit.inference.described.rows_of` returns them.

    Raises:
        OSError: If it cannot be written.
    """
    if path.suffix.lower() == ".jsonl":
        with atomic_write(path) as unfinished, open(unfinished, "wb") as file:
            yield lambda image, classes: file.write(json_line(answer_object(image, classes)))
    else:
        with csv_file(path) as writer:
            yield functools.partial(_write_row, writer, top, [])


def answer_object(image, classes):
    """Returns what a line of JSON holds of the answer to a picture."""
    return {"image": str(image), "classes": classes}


def _write_row(writer, top, columns, path, classes):
    """Writes a row; `columns` holds the names of those of one class from the first row on."""
    if not columns:
        numbers = [*Task.numbers_in(classes[0])] if classes else []
        columns += ["name", *numbers]
        names, ends = ["answer", *numbers], ["", *(f"_{rank}" for rank in range(2, top + 1))]
        writer.writerow(["path", *(name + end for end in ends for name in names)])
    values = [each[column] for each in classes[:top] for column in columns]
    writer.writerow([path, *values, *[""] * (top * len(columns) - len(values))])
