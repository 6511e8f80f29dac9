"""Images from disk or memory to batches, in `tf.data`."""

from keras_vit.data.augment import random_affine
from keras_vit.data.pipeline import eval_batches, train_batches
from keras_vit.data.sources import Source, Split, digits

__all__ = ["Source", "Split", "digits", "eval_batches", "random_affine", "train_batches"]
