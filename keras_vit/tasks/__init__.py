"""Heads: one file is one task, extending a backbone's graph."""

from keras_vit.tasks.classify import class_names_of, classifier, preprocessing_of
from keras_vit.tasks.features import features
from keras_vit.tasks.probabilities import to_probabilities

__all__ = ["class_names_of", "classifier", "features", "preprocessing_of", "to_probabilities"]
