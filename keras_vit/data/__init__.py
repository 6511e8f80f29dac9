"""Batches of images from disk or memory, as `tf.data` datasets."""

from keras_vit.data.broken import BrokenPictures
from keras_vit.data.crop import centre_crop, inception_crop, staged_crop
from keras_vit.data.hold_out import hold_out, take_share
from keras_vit.data.pipeline import (
    eval_batches,
    fitted_batches,
    fitted_preprocessing,
    train_batches,
)
from keras_vit.data.sources import (
    Source,
    digits,
    from_arrays,
    from_folder,
    from_table,
    from_tfds,
    open_source,
)
from keras_vit.data.splits import EncodedSplit, SequentialSplit, Split, draw

__all__ = [
    "BrokenPictures",
    "EncodedSplit",
    "SequentialSplit",
    "Source",
    "Split",
    "centre_crop",
    "digits",
    "draw",
    "eval_batches",
    "from_arrays",
    "from_folder",
    "from_table",
    "from_tfds",
    "hold_out",
    "inception_crop",
    "open_source",
    "staged_crop",
    "take_share",
    "fitted_batches",
    "fitted_preprocessing",
    "train_batches",
]
