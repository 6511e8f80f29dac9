"""Where images come from."""

from keras_vit.data.sources.digits import digits
from keras_vit.data.sources.source import EncodedSplit, SequentialSplit, Source, Split
from keras_vit.data.sources.tfds import from_tfds

__all__ = ["EncodedSplit", "SequentialSplit", "Source", "Split", "digits", "from_tfds"]
