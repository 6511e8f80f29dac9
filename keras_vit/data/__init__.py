"""Images from disk or memory to batches, in `tf.data`."""

from keras_vit.data.augment import random_affine, random_crop, random_flip
from keras_vit.data.pipeline import eval_batches, train_batches
from keras_vit.data.sources import Source, Split, digits, from_tfds

__all__ = [
    "Source",
    "Split",
    "digits",
    "eval_batches",
    "from_tfds",
    "random_affine",
    "random_crop",
    "random_flip",
    "train_batches",
]
