"""Tables and JSON lines in files: written completely or not at all, row by row."""

import contextlib
import csv
import json

from keras_vit.files import atomic_write


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
