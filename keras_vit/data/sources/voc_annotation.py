"""Reads one annotation of Pascal VOC: an XML file, or text of version 1.00, which preceded it."""

import math
import re
from typing import NamedTuple
from xml.etree import ElementTree

from keras_vit.errors import UserError

SIDES = ("xmin", "ymin", "xmax", "ymax")
HEADER = b"PASCAL Annotation Version 1.00"
_OBJECTS = re.compile(r"^Objects with ground truth *:(.*?)(?:\{|$)", re.MULTILINE)
_BOX = re.compile(r"^Bounding box for object \d+(.*)$", re.MULTILINE)
_NAME = re.compile(r'^ *"([^"]*)"')
_SIZE = re.compile(r"^Image size .*: *(\d+) *x *(\d+)", re.MULTILINE)
_ORIGIN = re.compile(r"^# *Top left pixel co-ordinates *:(.*)$", re.MULTILINE)
_PAIR = re.compile(r"\(([^(),]*),([^(),]*)\)")


class Annotation(NamedTuple):
    """What an annotation says.

    Attributes:
        objects: Triples of a class name, `(x_min, y_min, x_max, y_max)`, of which the last two name
            pixels that belong to the box, and whether the object is marked as difficult.
        size: Height and width of the picture; zeros where it does not say them.
        first: Numbers `(x, y)` of the picture's first pixel.
    """

    objects: list[tuple[str, tuple[float, float, float, float], bool]]
    size: tuple[int, int]
    first: tuple[int, int] = (1, 1)


def is_annotation(path):
    """Says whether a file is an annotation, a text by its first line: many other texts are none.

    Args:
        path: The file, a `pathlib.Path`.
    """
    ending = path.suffix.lower()
    if ending != ".txt":
        return ending == ".xml"
    with path.open("rb") as file:
        return HEADER in file.readline(512)


def read_annotation(path):
    """Reads an annotation.

    Args:
        path: The file, a `pathlib.Path`.

    Returns:
        An `Annotation`.

    Raises:
        ValueError: If the file is not of the format that its ending promises, an object has no
            name, its box is not four numbers, or boxes of a text are missing.
    """
    return (_from_text if path.suffix.lower() == ".txt" else _from_xml)(path)


def _from_xml(path):
    tree, objects = _parse(path), []
    for thing in tree.findall("object"):
        name = (thing.findtext("name") or "").strip()
        if not name:
            raise UserError(f"Every <object> must have a <name>: {path} has one without.")
        texts = [thing.findtext(f"bndbox/{side}") for side in SIDES]
        corners = tuple(map(_number, texts))
        if None in corners:
            received = ", ".join(f"{s}={text}" for s, text in zip(SIDES, texts, strict=True))
            raise UserError(f"Every <bndbox> must hold four numbers: {path} has {received}.")
        objects.append((name, corners, (thing.findtext("difficult") or "").strip() == "1"))
    height, width = (_number(tree.findtext(f"size/{side}")) for side in ("height", "width"))
    return Annotation(objects, (int(height or 0), int(width or 0)))


def _parse(path):
    """Parses an annotation; without a DOCTYPE there are no entities, which could grow or leak."""
    data = path.read_bytes()
    if b"<!DOCTYPE" in data.replace(b"\0", b""):  # UTF-16 as well
        raise UserError(f"An annotation must have no DOCTYPE: {path} has one.")
    try:
        tree = ElementTree.fromstring(data)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise UserError(f"{path} is no XML: {error}.") from error
    if tree.tag != "annotation":
        raise UserError(f"{path} must hold an <annotation>: received <{tree.tag}>.")
    return tree


def _from_text(path):
    text, objects = path.read_text("utf-8", "replace"), []
    for line in _BOX.findall(text):
        name = _NAME.match(line)
        if not (name and name[1].strip()):
            raise UserError(f"Every object must have a name in quotes: {path} has one without.")
        corners = tuple(_number(x) for pair in _PAIR.findall(line)[-2:] for x in pair)
        if len(corners) != 4 or None in corners:
            raise UserError(
                f"Every bounding box must hold four numbers: {path} has {line.strip()}."
            )
        objects.append((name[1].strip(), corners, False))
    stated = _OBJECTS.search(text)
    if stated and _number(stated[1]) != len(objects):
        raise UserError(
            f"Every object must have a bounding box: {path} states{stated[1].rstrip()} objects "
            f"and has {len(objects)} boxes."
        )
    size = _SIZE.search(text)
    first = _ORIGIN.search(text)
    pair = _PAIR.search(first[1]) if first else None
    return Annotation(
        objects,
        (int(size[2]), int(size[1])) if size else (0, 0),
        tuple(int(_number(x) or 0) for x in pair.groups()) if pair else (1, 1),
    )


def _number(text):
    """Returns a finite number, or `None` where a text is none."""
    try:
        number = float(text)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
