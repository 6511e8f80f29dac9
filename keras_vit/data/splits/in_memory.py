"""Images of one size that can be read in any order."""

import dataclasses
import functools
import hashlib
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import tensorflow as tf

from keras_vit.data.augment.crops import fitted
from keras_vit.data.labels import check_labels
from keras_vit.data.sample import check_sample
from keras_vit.data.splits.annotations import check_annotations
from keras_vit.data.splits.choice import draw_indices, pick
from keras_vit.errors import UserError
from keras_vit.images.preprocessing import Preprocessing

BLOCK = 1024  # images that are read together where all are read


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
    """Images of one size that can be read in any order.

    Attributes:
        count: Number of examples `N`.
        read: Turns indices `(B,)` into a batch of samples (see `keras_vit.data.sample`), by
            TensorFlow operations without state.
        image_shape: `(H, W, C)`.
        labels: The labels `(N,)`, int64; `None` where they are not known without reading.
        original: The split that this one was resized from, or `None`.
        channels: Channels `C` of its images.
    """

    count: int
    read: Callable[[tf.Tensor], dict[str, tf.Tensor]]
    image_shape: tuple[int, int, int]
    labels: np.ndarray | None = dataclasses.field(default=None, compare=False, repr=False)
    original: "Split | None" = dataclasses.field(default=None, compare=False, repr=False)
    named: ClassVar[bool] = False
    stated_sizes: ClassVar[None] = None
    guarantee: ClassVar[str] = ""

    @property
    def channels(self):
        return self.image_shape[2]

    @property
    def keys(self):
        """Keys of its samples."""
        read = tf.function(self.read, autograph=False)
        return set(read.get_concrete_function(tf.TensorSpec([None], tf.int64)).structured_outputs)

    @classmethod
    def in_memory(cls, images, labels=None, **more):
        """Makes a split of images `(N, H, W, C)` and what is known of them in memory.

        Args:
            images: uint8 array.
            labels: Integer array `(N,)`, or `None`.
            **more: Further arrays by their keys in a sample: `mask` `(N, H, W)`, integers; `boxes`
                `(N, M, 4)` with `box_labels` `(N, M)`, integers; `target` `(N, H, W, C)`; `weight`
                `(N,)`.

        Returns:
            A `Split`.

        Raises:
            ValueError: If the images are not uint8 with four axes, the labels are not `N` integers,
                none of them negative, or another array is of another shape or dtype.
        """
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.ndim != 4:
            raise UserError(
                "Images in memory must be uint8 (N, H, W, C): "
                f"received {images.dtype} {images.shape}."
            )
        arrays = {"image": images, **check_annotations(images.shape, more)}
        if labels is not None:
            arrays["label"] = labels = check_labels(labels, len(images))

        # A tf.data function captures tensors by reference, but copies arrays into its graph. The
        # tensors are on the host, where tf.data runs.
        with tf.device("CPU"):
            tensors = {name: tf.constant(array) for name, array in arrays.items()}

        def read(indices):
            return {name: tf.gather(tensor, indices) for name, tensor in tensors.items()}

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
            return fitted(self.read(indices), preprocessing=preprocessing)

        shape, original = (*preprocessing.image_size, self.channels), self.original or self
        return Split(self.count, read, shape, self.labels, original)

    def batches(self, order, finish: Callable[[tf.Tensor, dict], object], crop=None, broken=None):
        """Streams batches of the split in an order.

        Args:
            order: A `keras_vit.data.order.Order` or `Once`.
            finish: Is called with the counters `(B,)`, int64, and samples of each batch; what it
                returns is streamed.
            crop: `None`; images in memory have their size already.
            broken: Ignored; nothing is broken.

        Returns:
            A `tf.data.Dataset`.
        """
        return order.batches(
            lambda counters: finish(counters, check_sample(self.read(order.indices(counters))))
        )

    def path(self, index):
        """Returns a name of an example for messages."""
        return f"record {index}"

    def _blocks(self):
        for start in range(0, self.count, BLOCK):
            block = self.read(np.arange(start, min(start + BLOCK, self.count)))
            yield {name: np.asarray(values) for name, values in block.items()}

    def each(self):
        """Yields a function for each example, which returns the sample as arrays."""
        for block in self._blocks():
            for values in zip(*block.values(), strict=True):
                yield functools.partial(dict, zip(block, values, strict=True))

    def drawn(self, count, seed):
        """Returns a `Split` of some examples, see `keras_vit.data.draw`."""
        return self.subset(draw_indices(self, count, seed))

    def subset(self, indices):
        """Returns a `Split` of the examples with the integer indices `(N,)`, in order."""
        read, labels = pick(self, indices)
        original = self.original and self.original.subset(indices)
        return Split(len(indices), read, self.image_shape, labels, original)

    def digest(self):
        """Returns a digest of all samples; of a resized split, of what it was before."""
        digest = hashlib.sha256()
        original = self.original or self  # reading resized images takes longer and adds nothing
        for block in original._blocks():
            for name in sorted(block):  # the image before the label
                dtype = "int64" if name == "label" else None
                digest.update(np.ascontiguousarray(block[name], dtype))
        return digest.hexdigest()

    def contents(self):
        """Returns no digests of single examples: `digest` has seen all pixels."""
        return []
