"""Where images come from: a source has a name, class names and splits."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Split:
    """Labelled images that can be read in any order.

    Attributes:
        count: Number of examples.
        read: From indices `(B,)` to images `(B, H, W, C)`, uint8, and labels `(B,)`, int64; a
            TensorFlow function without state.
        image_shape: `(H, W, C)`.
    """

    count: int
    read: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
    image_shape: tuple[int, int, int]

    @classmethod
    def in_memory(cls, images, labels):
        """Holds uint8 images `(N, H, W, C)` and their labels `(N,)` in memory.

        Raises:
            ValueError: If the images are not uint8 with four axes, or the labels are not as many.
        """
        images, labels = np.asarray(images), np.asarray(labels, "int64")
        if images.dtype != np.uint8 or images.ndim != 4:
            raise ValueError(
                "Images in memory must be uint8 (N, H, W, C): "
                f"received {images.dtype} {images.shape}."
            )
        if labels.shape != images.shape[:1]:
            raise ValueError(
                f"Each image needs one label: received {len(images)} images and labels of shape "
                f"{labels.shape}."
            )

        # Tensors, which a tf.data function captures by reference: arrays would be copied into its
        # graph. On the host, where tf.data runs.
        with tf.device("CPU"):
            tensors = tf.constant(images), tf.constant(labels)

        def read(indices):
            return tuple(tf.gather(tensor, indices) for tensor in tensors)

        return cls(len(images), read, images.shape[1:])


@dataclasses.dataclass(frozen=True)
class Source:
    """A set of labelled images.

    Attributes:
        name: What the set is called.
        class_names: Names in the order of the labels.
        splits: From a name such as `"train"` to its examples.
    """

    name: str
    class_names: tuple[str, ...]
    splits: Mapping[str, Split]

    def __str__(self):
        counts = ", ".join(f"{split.count:,} {name}" for name, split in self.splits.items())
        height, width, channels = next(iter(self.splits.values())).image_shape
        size = f"{height}x{width}x{channels}"
        return f"{self.name}: {len(self.class_names)} classes, {size} pixels, {counts}"


def digits():
    """Returns scikit-learn's 1,797 scans of handwritten digits, 8x8, grey, as `train` and `test`.

    "Optical Recognition of Handwritten Digits" (UCI, 1998), the test part of its 43 writers'
    digits. The 17 grey levels are spread over 0 to 255. The split is stratified and fixed:
    1,437 train, 360 test.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    images = np.round(bunch.images * (255 / 16)).astype("uint8")[..., None]
    parts = train_test_split(
        images, bunch.target, test_size=360, stratify=bunch.target, random_state=0
    )
    train_images, test_images, train_labels, test_labels = parts
    splits = {
        "train": Split.in_memory(train_images, train_labels),
        "test": Split.in_memory(test_images, test_labels),
    }
    return Source("digits", tuple(str(name) for name in bunch.target_names), splits)


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
