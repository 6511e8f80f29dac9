"""Sources of images: arrays, folders, tables and TensorFlow Datasets."""

from keras_vit.data.sources.arrays import from_arrays
from keras_vit.data.sources.digits import digits
from keras_vit.data.sources.fingerprint import describe_change, fingerprint
from keras_vit.data.sources.folder import from_folder
from keras_vit.data.sources.open import open_source
from keras_vit.data.sources.source import Source
from keras_vit.data.sources.table import from_table
from keras_vit.data.sources.tfds import from_tfds
from keras_vit.data.splits import EncodedSplit, SequentialSplit, Split, draw

__all__ = [
    "EncodedSplit",
    "SequentialSplit",
    "Source",
    "Split",
    "describe_change",
    "digits",
    "draw",
    "fingerprint",
    "from_arrays",
    "from_folder",
    "from_table",
    "from_tfds",
    "open_source",
]
