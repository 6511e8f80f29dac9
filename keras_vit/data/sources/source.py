"""A source of labelled images: a name, class names and splits."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
import tensorflow as tf

from keras_vit.data.labels import check_labels
from keras_vit.errors import UserError, first_few
from keras_vit.images.graph_crop import crop_images
from keras_vit.images.preprocessing import Preprocessing

SEQUENTIAL_GUARANTEE = (
    "read from one end to the other: the same seed gives the same order, a later start reads and "
    "drops what comes before (and shifts by broken records), and several workers read files of "
    "their own, so that their union is not the stream of one"
)


def in_memory_preprocessing(size):
    """Returns the `Preprocessing` of images in memory: never cropped, resized bilinearly.

    Args:
        size: Side in pixels, or height and width.

    Raises:
        ValueError: If a side is no integer above 0.
    """
    return Preprocessing(image_size=size, interpolation="bilinear")


@dataclasses.dataclass(frozen=True)
class Split:
    """Labelled images of one size that can be read in any order.

    Attributes:
        count: Number of examples `N`.
        read: Turns indices `(B,)` into images `(B, H, W, C)`, uint8, and labels `(B,)`, int64, by
            TensorFlow operations without state.
        image_shape: `(H, W, C)`.
        labels: The labels `(N,)`, int64; `None` where they are not known without reading.
        original: The split that this one was resized from, or `None`.
        channels: Channels `C` of its images.
    """

    count: int
    read: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
    image_shape: tuple[int, int, int]
    labels: np.ndarray | None = dataclasses.field(default=None, compare=False, repr=False)
    original: "Split | None" = dataclasses.field(default=None, compare=False, repr=False)

    @property
    def channels(self):
        return self.image_shape[2]

    @classmethod
    def in_memory(cls, images, labels):
        """Makes a split of images `(N, H, W, C)` and labels `(N,)` in memory.

        Args:
            images: uint8 array.
            labels: Integer array.

        Returns:
            A `Split`.

        Raises:
            ValueError: If the images are not uint8 with four axes, or the labels are not `N`
                integers, none of them negative.
        """
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.ndim != 4:
            raise UserError(
                "Images in memory must be uint8 (N, H, W, C): "
                f"received {images.dtype} {images.shape}."
            )
        labels = check_labels(labels, len(images))

        # A tf.data function captures tensors by reference, but copies arrays into its graph. The
        # tensors are on the host, where tf.data runs.
        with tf.device("CPU"):
            tensors = tf.constant(images), tf.constant(labels)

        def read(indices):
            return tuple(tf.gather(tensor, indices) for tensor in tensors)

        return cls(len(images), read, images.shape[1:], labels)

    def resized(self, size):
        """Returns a `Split` of images resized bilinearly, or this one where it has the size.

        Args:
            size: Side in pixels, or height and width.

        Raises:
            ValueError: If a side is no integer above 0.
        """
        preprocessing = in_memory_preprocessing(size)
        if self.image_shape[:2] == preprocessing.image_size:
            return self

        def read(indices):
            images, labels = self.read(indices)
            return crop_images(images, preprocessing), labels

        shape, original = (*preprocessing.image_size, self.channels), self.original or self
        return Split(self.count, read, shape, self.labels, original)


@dataclasses.dataclass(frozen=True)
class EncodedSplit:
    """Labelled, encoded pictures of any size that can be read in any order.

    Attributes:
        count: Number of examples `N`.
        read: Turns an index `()`, int64, into the bytes of a picture, a string `()`, and its label
            `()`, int64, by TensorFlow operations without state. It fails where a file is missing.
        path: Returns the name of the example with an index, for messages: its path, for example.
        labels: The labels `(N,)`, int64, or `None` where they are not known without reading.
        channels: Channels of its pictures once they are decoded.
    """

    count: int
    read: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
    path: Callable[[int], str]
    labels: np.ndarray | None = dataclasses.field(default=None, compare=False, repr=False)
    channels: ClassVar[int] = 3


@dataclasses.dataclass(frozen=True)
class SequentialSplit:
    """Labelled, encoded pictures that can only be read from one end to the other.

    Attributes:
        count: Number of examples.
        stream: Returns a dataset of encoded pictures `()` and labels `()`, one pass over a worker's
            share, by the keywords `seed` (int64 tensor `()` that fixes the order, or `None` for the
            stored order), `worker` (its number, from 0) and `workers` (how many there are).
        labels: `None`: they are not known without reading.
        channels: Channels of its pictures once they are decoded.
    """

    count: int
    stream: Callable[..., tf.data.Dataset]
    labels: ClassVar[None] = None
    channels: ClassVar[int] = 3


def draw(split, count, seed):
    """Draws some examples of a split at random, each at most once.

    Args:
        split: A `Split`, `EncodedSplit` or `SequentialSplit`.
        count: How many examples; a split that has no more is returned as it is.
        seed: Seed of the choice, an integer.

    Returns:
        A split of the same class.
    """
    if count >= split.count:
        return split
    if isinstance(split, SequentialSplit):

        def stream(*, worker, workers, **_):
            whole = split.stream(seed=tf.constant(seed, tf.int64), worker=worker, workers=workers)
            return whole.take(count)

        return SequentialSplit(count, stream)
    chosen = np.random.default_rng(seed).choice(split.count, count, replace=False)
    with tf.device("CPU"):
        indices = tf.constant(chosen, tf.int64)

    def read(places):
        return split.read(tf.gather(indices, places))

    labels = None if split.labels is None else split.labels[chosen]
    if isinstance(split, Split):
        return Split(count, read, split.image_shape, labels)
    return EncodedSplit(count, read, lambda index: split.path(int(chosen[index])), labels)


@dataclasses.dataclass(frozen=True)
class Source:
    """A set of labelled images.

    Attributes:
        name: Name of the set, in messages and reports.
        class_names: The `K` names, in the order of the labels.
        splits: A split for each of their names, such as `"train"` and `"test"`.
        notes: Sentences on what was found and not used, or used in a way that could surprise.
        faults: Sentences on what must be repaired before anything is trained or evaluated; empty
            unless the source was opened with `strict=False`.
        version: Version and splits of a set of TensorFlow Datasets; else empty.

    Raises:
        ValueError: If a class name is no text on one line, or a label that is known without
            reading has no name.
    """

    name: str
    class_names: tuple[str, ...]
    splits: Mapping[str, Split | EncodedSplit | SequentialSplit]
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    version: str = ""

    def __post_init__(self):
        for name in self.class_names:
            if not _is_line(name):
                raise UserError(
                    "Names of classes must be text in UTF-8, on one line: received "
                    f"{name!r} in {self.name}."
                )
        for name, split in self.splits.items():
            if split.labels is None or not split.count:
                continue
            lowest, highest = int(split.labels.min()), int(split.labels.max())
            if lowest < 0 or highest >= len(self.class_names):
                raise UserError(
                    f"Labels must lie in [0, {len(self.class_names)}), a name for each: received "
                    f"{lowest if lowest < 0 else highest} in {name} of {self.name}."
                )

    def class_name(self, label):
        """Returns the name of an integer label; for a label of no class, the number as text."""
        return self.class_names[label] if 0 <= label < len(self.class_names) else str(label)

    def __str__(self):
        counts = ", ".join(f"{split.count:,} {name}" for name, split in self.splits.items())
        some_split = next(iter(self.splits.values()))
        size = "pictures of any size"
        if isinstance(some_split, Split):
            size = "x".join(map(str, some_split.image_shape)) + " pixels"
        classes = f"{len(self.class_names):,} classes ({first_few(self.class_names, 5)})"
        text = f"{self.name}: {classes}, {size}, {counts}"
        if any(isinstance(split, SequentialSplit) for split in self.splits.values()):
            text += f"; {SEQUENTIAL_GUARANTEE}"
        return text


def _is_line(name):
    """Returns whether a name can be a line of a UTF-8 file; those of some folders cannot."""
    try:
        return bool(name.encode()) and name.splitlines() == [name]
    except (AttributeError, UnicodeEncodeError):
        return False
