"""Tables of exports in a terminal of 80 columns."""

import io
import math

from rich.console import Console

from keras_vit.evaluation import Comparison, comparison_table
from keras_vit.tasks import classification


def row(path, **figures):
    times = {
        f"{threads}, batch {n}": 123.45 for threads in ("1 thread", "all threads") for n in (1, 16)
    }
    return Comparison(
        artefact=path,
        size=343_210_000,
        figures={"accuracy": 0.9, **figures},
        change=-0.0123,
        agreement=1.0,
        difference=1e-7,
        decided=0.0,
        milliseconds=times,
        runtime="keras 3",
        operators={},
    )


def table(*rows):
    text = io.StringIO()
    Console(file=text, width=80).print(comparison_table(classification(("a", "b")), rows))
    lines = text.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    return lines


def test_an_export_is_named_by_its_path_in_80_columns():
    lines = table(row("runs/a/pictures.keras"), row("saved_models/pictures/1"))
    names = [line.split("│")[1].strip() for line in lines if line.startswith("│")]
    assert "".join(names).startswith("runs/a/pictures.kerassaved_models/pictures/1")
    assert "1" not in names
    assert "/" not in names  # a line ends with a folder, not before its stroke
    text = "\n".join(lines)
    assert text.count("343.21 MB") == 2 and text.count("123.45 ms,") == 8  # no number is broken


def test_a_figure_that_is_not_known_is_left_out():
    lines = table(row("a.keras", iou=math.nan, top=0.5), row("a.tflite", iou=0.5, top=0.5))
    assert not any("nan" in line for line in lines)
