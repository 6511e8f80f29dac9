"""Tables and JSON lines in files: written completely or not at all, row by row."""

import contextlib
import csv
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
            table = _Table(writer, top)
            yield table.add
            table.end()


def answer_object(image, classes):
    """Returns what a line of JSON holds of the answer to a picture."""
    return {"image": str(image), "classes": classes}


class _Table:
    """Rows of a `.csv` file, whose columns are those of the first picture that has a class."""

    def __init__(self, writer, top):
        self._writer, self._top = writer, top
        self._columns, self._waiting = [], []  # pictures without a class, before the first that has

    def add(self, path, classes):
        if classes and not self._columns:
            self._begin(["name", *Task.numbers_in(classes[0])])
        if self._columns:
            self._write(path, classes)
        else:
            self._waiting.append(path)

    def end(self):
        if not self._columns:
            self._begin(["name"])

    def _begin(self, columns):
        self._columns = columns
        names, ends = ["answer", *columns[1:]], ["", *(f"_{x}" for x in range(2, self._top + 1))]
        self._writer.writerow(["path", *(name + end for end in ends for name in names)])
        for path in self._waiting:
            self._write(path, [])

    def _write(self, path, classes):
        values = [each[column] for each in classes[: self._top] for column in self._columns]
        empty = self._top * len(self._columns) - len(values)
        self._writer.writerow([path, *values, *[""] * empty])
