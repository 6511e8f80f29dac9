"""Writes what a model saw in pictures, and how far to trust that, as one HTML file."""

import time
from typing import NamedTuple

from keras_vit.report.embedded import picture, plot
from keras_vit.report.machine import machine
from keras_vit.report.places import without_places
from keras_vit.report.render import write_html


class Explained(NamedTuple):
    """A picture and what speaks for its answer.

    Attributes:
        path: The picture's file.
        answer: What is explained, in words.
        drawn: Pairs of words and of the embedded picture above them.
    """

    path: str
    answer: str
    drawn: list[tuple[str, dict]]

    @classmethod
    def of(cls, path, answer, images):
        """Embeds images `(H, W, C)`, uint8, a dictionary by the words below each."""
        drawn = [(words, picture(image)) for words, image in images.items()]
        return cls(without_places(path), answer, drawn)


class Trust(NamedTuple):
    """How far to trust methods.

    Attributes:
        words: What the table holds, a sentence.
        figure: The table as a plot, a Matplotlib figure.
        headings: Its headings, the first of which is that of the methods.
        rows: Pairs of a method and its cells, texts.
        sentences: What else is to be said.
    """

    words: str
    figure: object
    headings: list[str]
    rows: list[tuple[str, list[str]]]
    sentences: list[str]


def write_explanations(path, model, methods, *, explained=(), trust=None):
    """Writes a page on explanations, whole or not at all.

    Absolute paths are shortened, as in `report.html`.

    Args:
        path: The file.
        model: Name of the model.
        methods: What each method is, in a sentence, by its name.
        explained: `Explained` pictures, if any.
        trust: A `Trust`, or `None`.

    Raises:
        OSError: If the file cannot be written; an old file is then as it was.
    """
    content = dict(
        model=without_places(model),
        pictures=explained,
        methods=methods,
        trust=trust and trust._replace(figure=plot(trust.figure)),
        machine=machine(),
        date=time.strftime("%Y-%m-%d", time.gmtime()),
    )
    write_html(path, "explanations.html", content)
