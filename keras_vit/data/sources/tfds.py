"""Sets of TensorFlow Datasets, by name."""

import numpy as np

from keras_vit.data.sources.source import Source, Split


def from_tfds(name, *, data_dir=None, splits=("train", "test")):
    """Reads a set of TensorFlow Datasets into memory, downloading it where it is missing.

    For sets whose images are all of one size and fit into memory: `cifar10`, `cifar100`, `mnist`.

    Args:
        name: A name of the catalogue.
        data_dir: Folder of prepared sets; by default what `TFDS_DATA_DIR` says, else TFDS' own.
        splits: Names of its splits.

    Returns:
        A `Source`.

    Raises:
        ValueError: If there is no such set, it cannot be prepared, it is no image classification,
            or its images differ in size.
    """
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name, data_dir=data_dir)
        builder.download_and_prepare()
    except Exception as error:  # TFDS, its catalogue and the network raise what they like
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(f"The set {name!r} of TFDS is not to be had: {reason}") from error
    features = builder.info.features
    if builder.info.supervised_keys != ("image", "label"):
        raise ValueError(f"The set {name!r} of TFDS is no image classification.")
    if None in features["image"].shape:
        raise ValueError(f"The images of {name!r} differ in size and cannot be held as one array.")
    parts = {}
    for split in splits:
        batches = builder.as_dataset(split=split, as_supervised=True).batch(1024)
        batches = zip(*batches.as_numpy_iterator(), strict=True)
        parts[split] = Split.in_memory(*(np.concatenate(arrays) for arrays in batches))
    return Source(name, tuple(features["label"].names), parts)
