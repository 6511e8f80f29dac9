"""Heads: one file is one task, extending a backbone's graph."""

from keras_vit.tasks.classify import classifier
from keras_vit.tasks.features import features

__all__ = ["classifier", "features"]
