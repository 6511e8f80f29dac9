"""Trained classifiers on disk, opened, asked and compared; imports neither Keras nor TensorFlow."""

from keras_vit.artefacts.artefact import Artefact, open_artefact
from keras_vit.artefacts.compare import Comparison, compare, comparison_table

__all__ = ["Artefact", "Comparison", "compare", "comparison_table", "open_artefact"]
