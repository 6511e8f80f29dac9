"""Heads: one file is one task, extending a backbone's graph."""

from keras_vit.tasks.classify import classifier

__all__ = ["classifier"]
