"""Writes what a model saw in pictures, and how far to trust that, as one HTML file."""

import time
from typing import NamedTuple

import numpy as np

from keras_vit.report.embedded import picture, plot
from keras_vit.report.machine import machine
from keras_vit.report.places import without_places
from keras_vit.report.render import write_html


class Explained(NamedTuple):
    """A picture and what speaks for its answer.

    Attributes:
        path: The picture's file.
        answer: What is explained, in words.
        drawn: Images `(H, W, C)`, uint8, by the words below each.
    """

    path: object
    answer: str
    drawn: dict[str, np.ndarray]


def write_explanations(path, model, methods, *, explained=(), trust=None):
    """Writes a page on explanations, whole or not at all.

    Absolute paths are shortened, as in `report.html`.

    Args:
        path: The file.
        model: Name of the model.
        methods: What each method is, in a sentence, by its name.
        explained: `Explained` pictures, if any.
        trust: How far to trust the methods, or `None`: a dictionary of `words` above the table;
            `figure`, a Matplotlib figure; `headings` of the table, and its `rows`, pairs of a
            method and its cells; and `sentences`.

    Raises:
        OSError: If the file cannot be written; an old file is then as it was.
    """
    pictures = [
        dict(
            path=without_places(each.path),
            answer=each.answer,
            drawn=[(words, picture(image)) for words, image in each.drawn.items()],
        )
        for each in explained
    ]
    content = dict(
        model=without_places(model),
        pictures=pictures,
        methods=methods,
        trust=trust and {**trust, "figure": plot(trust["figure"])},
        machine=machine(),
        date=time.strftime("%Y-%m-%d", time.gmtime()),
    )
    write_html(path, "explanations.html", content)
