"""Prints and draws what pictures are answered with, for several commands."""

import json

import numpy as np

from keras_vit.errors import UserError
from keras_vit.images.decode import decode_picture
from keras_vit.images.uncrop import uncropped
from keras_vit.inference.described import pictures_of

OUTSIDE = 255  # the id of pixels that a model does not see, because its crop leaves them out
MARKS = ("name", "index", "colour")  # what is no number of a class


def check_file(path):
    """Checks that the path of a picture is not that of a folder.

    Args:
        path: A `pathlib.Path`.

    Raises:
        ValueError: If it is a folder.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder: name the picture files in it.")


def check_top(top):
    """Checks the flag `--top`.

    Args:
        top: How many classes to print.

    Raises:
        ValueError: If it is less than 1.
    """
    if top < 1:
        raise UserError(f"--top must be at least 1: received {top}.")


def check_out(out):
    """Checks that the flag `--out` names no file.

    Args:
        out: A `pathlib.Path`, or `None`.

    Raises:
        ValueError: If it is a file.
    """
    if out is not None and out.exists() and not out.is_dir():
        raise UserError(f"--out must be a folder: {out} is a file.")


def check_finite(path, answer):
    """Checks that all numbers of an answer are finite.

    Args:
        path: That of the picture.
        answer: Arrays of numbers by name.

    Raises:
        ValueError: If one is not.
    """
    if not all(np.isfinite(array).all() for array in answer.values()):
        raise UserError(f"{path} is answered with something that is not a finite number.")


def draw(model, answer, folder, path):
    """Writes pictures of an answer as `folder/<name of the picture>-<what>.png`.

    An answer for each pixel is enlarged to the whole picture.

    Args:
        model: An `Artefact`, or what a server said of its model.
        answer: Arrays by name, without the axis of the batch.
        folder: A `pathlib.Path`.
        path: That of the picture.

    Raises:
        ValueError: If the task of the model draws nothing.
    """
    whole = decode_picture(path)
    maps = {
        name: uncropped(array, whole.shape[:2], model.preprocessing, OUTSIDE)
        for name, array in answer.items()
        if array.shape == model.image_shape[:2]
    }
    pictures = pictures_of(model, answer | maps, whole)
    if not pictures:
        raise UserError(f"--out is for tasks that draw their answers: {model.task} draws none.")
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        picture.save(folder / f"{path.stem}-{name}.png")


def print_answers(answers, json_lines):
    """Prints the classes of each picture, as a table or as one JSON object per line.

    Args:
        answers: List of pairs: a path and a list of classes, the first one first: dictionaries of
            a `name`, a number such as `probability`, and, if known, the `index` of the class and
            its `colour`, as #rrggbb.
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
    first = next((rows[0] for _, rows in answers if rows), {})
    numbers = [key for key in first if key not in MARKS]
    for heading in numbers:
        table.add_column(heading, justify="right")
    for path, classes in answers:
        if not classes:
            table.add_row(Text(str(path)), "nothing")
        for rank, entry in enumerate(classes):
            image = Text("" if rank else str(path))
            swatch = Text("■ ", entry["colour"]) if "colour" in entry else Text()
            name = swatch + Text(entry["name"])
            table.add_row(image, name, *(_cell(entry[key]) for key in numbers))
    Console().print(table)


def _cell(value):
    return value if isinstance(value, str) else f"{value:.4f}"
