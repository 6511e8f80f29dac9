"""Prints and draws what pictures are answered with, for several commands."""

import contextlib
import sys

import numpy as np

from keras_vit.cli.rows import SUFFIXES, answer_object, answers_file, is_table, json_line
from keras_vit.errors import UserError
from keras_vit.files import atomic_write
from keras_vit.images.decode import decode_picture
from keras_vit.images.picture_files import find_pictures
from keras_vit.inference.described import has_threshold
from keras_vit.inference.whole_picture import boxes_on_picture, has_boxes, pictures_on_picture
from keras_vit.tasks.task import Task

TOP = 3  # classes that are printed


def check_top(top):
    """Checks the flag `--top`.

    Args:
        top: How many classes to list, or `None`.

    Raises:
        ValueError: If it is less than 1.
    """
    if top is not None and top < 1:
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


def on_picture(model, answer, picture):
    """Moves the boxes of an answer from the image that the model saw to its whole picture.

    Args:
        model: An `Artefact`, or what a server said of its model.
        answer: Arrays by name, without the axis of the batch.
        picture: The `PictureFile`.

    Returns:
        The answer; `boxes` `(M, 4)`, if there are any, are in pixels of the picture.
    """
    if not has_boxes(answer):
        return answer
    return boxes_on_picture(model, answer, decode_picture(picture.path).shape[:2])


def draw(model, answer, folder, picture):
    """Writes pictures of an answer as `folder/<place of the picture>-<what>.png`.

    An answer for each pixel is enlarged to the whole picture.

    Args:
        model: An `Artefact`, or what a server said of its model.
        answer: Arrays by name, without the axis of the batch, as `on_picture` returns them.
        folder: A `pathlib.Path`.
        picture: The `PictureFile`.

    Raises:
        ValueError: If the task of the model draws nothing.
    """
    pictures = pictures_on_picture(model, answer, decode_picture(picture.path))
    if not pictures:
        raise UserError(
            f"--out must end in {' or '.join(SUFFIXES)}, except for tasks that draw their answers "
            f"into a folder: {model.task} draws none."
        )
    for name, drawn in pictures.items():
        with atomic_write(folder / f"{picture.place}-{name}.png") as unfinished:
            drawn.save(unfinished)


def pictures_to_answer(images, is_drawn):
    """Finds the pictures that a command names, and says what is not found or left out.

    Args:
        images: Files, folders and patterns, as `find_pictures` takes them.
        is_drawn: Whether the answers are drawn, under names of which each picture needs its own.

    Returns:
        The pictures, a list of `PictureFile`s; and how many were asked for, the missing included.

    Raises:
        ValueError: If two pictures would be drawn under one name, or as `find_pictures`.
    """
    pictures, missing, notes = find_pictures(images)
    if is_drawn:
        check_places(pictures)
    for sentence in (*missing, *notes):
        print(f"keras-vit: {sentence}", file=sys.stderr)
    return pictures, len(pictures) + len(missing)


def check_places(pictures):
    """Checks that what is drawn of pictures gets different names.

    Args:
        pictures: A list of `PictureFile`s.

    Raises:
        ValueError: If two would be drawn under one name.
    """
    paths = {}
    for picture in pictures:
        if paths.setdefault(picture.place, picture.path) != picture.path:
            raise UserError(
                "Pictures that are drawn must differ in their names below the folder that is "
                f"passed: received {paths[picture.place]} and {picture.path}."
            )


def listed(model, out, top):
    """Returns how many classes of a picture are listed.

    Args:
        model: An `Artefact`, or what a server said of its model; `None` where it said nothing.
        out: The flag `--out`.
        top: The flag `--top`. By default `TOP` classes are printed, or all where they are boxes; a
            `.csv` file holds the first one and a `.jsonl` file all.

    Returns:
        The number, or `None` for all; and for how many classes a `.csv` file has columns.
    """
    boxes = model is not None and has_threshold(model)
    columns = 1 if top is None else top
    if not boxes:  # there are no more than the model has names for
        columns = min(columns, len(getattr(model, "class_names", None) or ()) or columns)
    if top is not None or not is_table(out):
        return top or (None if boxes else TOP), columns
    return (1 if out.suffix.lower() == ".csv" else None), columns


@contextlib.contextmanager
def answers_to(out, columns, json_lines):
    """Opens the place where answers go: a file, or else standard output.

    Args:
        out: The flag `--out`: a `.csv` or `.jsonl` file, or what is not written here.
        columns: For how many classes of a picture a `.csv` file has columns.
        json_lines: Whether to print one JSON object per line instead of a table, also where the
            answers are written to a file.

    Yields:
        A function that takes the path of a picture and its classes, as `answers_file` says.
    """
    with answers_file(out, columns) if is_table(out) else contextlib.nullcontext() as write:
        in_table = []

        def add(path, classes):
            if write is not None:
                write(path, classes)
            elif not json_lines:
                in_table.append((path, classes))
            if json_lines:
                print(json_line(answer_object(path, classes)).decode(), end="")

        yield add
    if in_table:
        _print_table(in_table)


def status(out, answered, asked):
    """Says how many pictures were answered where it is not seen, and returns the exit status.

    Args:
        out: The flag `--out`.
        answered: How many were answered.
        asked: How many were to be.

    Returns:
        0 if all were answered, 1 if some were, else 2.
    """
    if is_table(out):
        print(f"{out}: {answered:,} of {asked:,} pictures.")
    if answered < asked > 1:
        print(f"keras-vit: {asked - answered:,} of {asked:,} are not answered.", file=sys.stderr)
    return 0 if answered == asked else 1 if answered else 2


def _print_table(answers):
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text  # shows markup in a name as it is

    table = Table(show_edge=False)
    table.add_column("image", overflow="fold")  # a truncated path could not be copied
    table.add_column("class", overflow="fold")
    first = next((rows[0] for _, rows in answers if rows), {})
    numbers = [*Task.numbers_in(first)]
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
