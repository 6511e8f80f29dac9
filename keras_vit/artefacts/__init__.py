"""Trained classifiers on disk, opened, asked and compared; imports neither Keras nor TensorFlow."""

from keras_vit.artefacts.artefact import Artefact
from keras_vit.artefacts.classes import match_classes
from keras_vit.artefacts.compare import Comparison, compare
from keras_vit.artefacts.opening import open_artefact
from keras_vit.artefacts.report import comparison_table, write_report
from keras_vit.artefacts.score import Score, score
from keras_vit.artefacts.turns import NoAnswer

__all__ = [
    "Artefact",
    "Comparison",
    "NoAnswer",
    "Score",
    "compare",
    "comparison_table",
    "match_classes",
    "open_artefact",
    "score",
    "write_report",
]
