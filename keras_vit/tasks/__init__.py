"""Heads: each file extends the graph of a backbone to one task."""

from keras_vit.tasks.classify import class_names_of, classifier, preprocessing_of
from keras_vit.tasks.deploy import Deployed, deploy
from keras_vit.tasks.depths import token_maps, tokens_at
from keras_vit.tasks.features import features
from keras_vit.tasks.keras_file import read_keras_file
from keras_vit.tasks.probabilities import to_probabilities
from keras_vit.tasks.segment import segmenter

__all__ = [
    "Deployed",
    "class_names_of",
    "classifier",
    "deploy",
    "features",
    "preprocessing_of",
    "read_keras_file",
    "segmenter",
    "to_probabilities",
    "token_maps",
    "tokens_at",
]
