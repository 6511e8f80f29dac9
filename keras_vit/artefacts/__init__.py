"""Trained classifiers on disk, opened, asked and compared; imports neither Keras nor TensorFlow."""

from keras_vit.artefacts.artefact import Artefact
from keras_vit.artefacts.classes import match_classes
from keras_vit.artefacts.compare import Comparison, compare, comparison_table
from keras_vit.artefacts.opening import open_artefact
from keras_vit.artefacts.score import Score, score

__all__ = [
    "Artefact",
    "Comparison",
    "Score",
    "compare",
    "comparison_table",
    "match_classes",
    "open_artefact",
    "score",
]
