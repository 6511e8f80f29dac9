"""Prints the most probable classes of pictures, for several commands."""

import json

from keras_vit.errors import UserError


def check_file(path):
    """Checks that the path of a picture is not that of a folder.

    Args:
        path: A `pathlib.Path`.

    Raises:
        ValueError: If it is a folder.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder: name the picture files in it.")


def print_answers(answers, json_lines):
    """Prints the classes of each picture, as a table or as one JSON object per line.

    Args:
        answers: List of pairs: a path and a list of classes, the first one first: dictionaries of
            a `name`, a number such as `probability`, and, if known, the `index` of the class.
        json_lines: Whether to print JSON.
    """
    if json_lines:
        for path, classes in answers:
            line = {"image": str(path), "classes": classes}
            print(json.dumps(line, ensure_ascii=False, allow_nan=False))
    elif answers:
        _print_table(answers)


def _print_table(answers):
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text  # shows markup in a name as it is

    table = Table(show_edge=False)
    table.add_column("image", overflow="fold")  # a truncated path could not be copied
    table.add_column("class", overflow="fold")
    numbers = [key for key in next(iter(answers))[1][0] if key not in ("name", "index")]
    for heading in numbers:
        table.add_column(heading, justify="right")
    for path, classes in answers:
        for rank, entry in enumerate(classes):
            image = Text("" if rank else str(path))
            table.add_row(image, Text(entry["name"]), *(_cell(entry[key]) for key in numbers))
    Console().print(table)


def _cell(value):
    return value if isinstance(value, str) else f"{value:.4f}"
