"""Encoded pictures of any size that can be read in any order."""

import dataclasses
import functools
import hashlib
import os
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import tensorflow as tf

from keras_vit.data.broken import BrokenPictures, why_broken
from keras_vit.data.order import mapped
from keras_vit.data.sample import check_sample
from keras_vit.data.splits.choice import draw_indices, pick
from keras_vit.data.splits.gaps import fill_gaps
from keras_vit.errors import UserError

ATTEMPTS = 100  # pictures that may be broken in a row before the stream gives up
HEARTBEAT = 256  # every 256th element is a heartbeat, see `gaps`
COMPARED = 64  # pictures whose content is compared when a run is resumed


@dataclasses.dataclass(frozen=True)
class EncodedSplit:
    """Encoded pictures of any size that can be read in any order.

    Attributes:
        count: Number of examples `N`.
        read: Turns an index `()`, int64, into a sample (see `keras_vit.data.sample`) whose `image`
            is the bytes of a picture, by TensorFlow operations without state. It fails where a file
            is missing.
        path: Returns the name of the example with an index, for messages: its path, for example.
        labels: The labels `(N,)`, int64, or `None` where they are not known without reading.
        stated_sizes: Heights and widths of the pictures as annotations state them `(N, 2)`, zeros
            where they do not, or `None`.
        channels: Channels of its pictures once they are decoded.
    """

    count: int
    read: Callable[[tf.Tensor], dict[str, tf.Tensor]]
    path: Callable[[int], str]
    labels: np.ndarray | None = dataclasses.field(default=None, compare=False, repr=False)
    stated_sizes: np.ndarray | None = dataclasses.field(default=None, compare=False, repr=False)
    image_shape: ClassVar[None] = None
    channels: ClassVar[int] = 3
    named: ClassVar[bool] = True
    guarantee: ClassVar[str] = ""

    @property
    def keys(self):
        """Keys of its samples."""
        read = tf.function(self.read, autograph=False)
        return set(read.get_concrete_function(tf.TensorSpec([], tf.int64)).structured_outputs)

    def batches(
        self,
        order,
        finish: Callable[[tf.Tensor, dict], object],
        crop: Callable[[dict, tf.Tensor], dict],
        broken=None,
    ):
        """Streams batches of the split in an order.

        A picture that cannot be read is replaced by another in training, and left out of an
        evaluation.

        Args:
            order: A `keras_vit.data.order.Order` or `Once`.
            finish: Is called with the counters `(B,)`, int64, and samples of each batch; what it
                returns is streamed.
            crop: Is called with a sample and its counter `()`, int64, and returns the sample with
                an image `(H, W, 3)`, uint8.
            broken: A `BrokenPictures`; by default nothing is recorded.

        Returns:
            A `tf.data.Dataset`.

        Raises:
            ValueError: If no picture can be read in a hundred attempts, in training.
        """
        broken = broken or BrokenPictures()

        @tf.function(input_signature=[tf.TensorSpec([], tf.int64)] * 2, autograph=False)
        def read(index, counter):
            return crop(check_sample(self.read(index)), counter)

        shapes = read.get_concrete_function().structured_outputs
        nothing = tf.nest.map_structure(lambda x: tf.zeros(x.shape, x.dtype), shapes)

        def element(position):
            ordinal = order.start + position - position // HEARTBEAT
            heartbeat = position % HEARTBEAT == HEARTBEAT - 1

            def picture():
                counter = order.counters(ordinal)
                return read(order.indices(counter[None])[0], counter)

            return ordinal, heartbeat, tf.cond(heartbeat, lambda: nothing, picture)

        def replacement(ordinal):
            """Returns the sample of an ordinal, or of the first replacement that can be read."""
            counter = order.counters(tf.constant(ordinal, tf.int64))
            index = int(order.indices(counter[None])[0])
            for attempt in range(ATTEMPTS):
                try:
                    return tf.nest.map_structure(lambda x: x.numpy(), read(index, counter))
                except tf.errors.OpError as error:
                    path, reason = self.path(index), why_broken(self, index, error)
                    broken.add(path, reason)
                if not order.endless:
                    return None
                index = order.replacement(int(counter), attempt)
            raise UserError(
                f"None of {ATTEMPTS} pictures can be read; the last is {path}: {reason}"
            )

        if order.endless:
            replacement(order.start)  # a split in which no picture can be read is refused at once
        pictures = order.end - order.start
        positions = tf.data.Dataset.range(pictures + pictures // (HEARTBEAT - 1))
        good = mapped(positions, element, tf.data.AUTOTUNE).ignore_errors()
        return fill_gaps(good, order, replacement, finish)

    def each(self):
        """Yields a function for each example, which returns the sample as arrays and bytes."""

        def read(index):
            sample = check_sample(self.read(tf.constant(index, tf.int64)))
            return {name: value.numpy() for name, value in sample.items()}

        return (functools.partial(read, index) for index in range(self.count))

    def drawn(self, count, seed):
        """Returns an `EncodedSplit` of some examples, see `keras_vit.data.draw`."""
        return self.subset(draw_indices(self, count, seed))

    def subset(self, indices):
        """Returns an `EncodedSplit` of the examples with the integer indices `(N,)`, in order."""
        read, labels = pick(self, indices)
        sizes = None if self.stated_sizes is None else self.stated_sizes[indices]
        path = lambda index: self.path(int(indices[index]))  # noqa: E731
        return EncodedSplit(len(indices), read, path, labels, sizes)

    def digest(self):
        """Returns a digest of the labels and of the paths below the folder that holds them all."""
        paths = [self.path(index).replace(os.sep, "/") for index in range(self.count)]
        ends = [min(paths, default=""), max(paths, default="")]  # all others share their prefix
        shared = os.path.commonprefix(ends).rpartition("/")[0]
        relative = "\0".join(path[len(shared) :] for path in paths)
        digest = hashlib.sha256(relative.encode("utf-8", "surrogateescape"))
        if self.labels is not None:
            digest.update(np.asarray(self.labels, "int64"))
        return digest.hexdigest()

    def contents(self):
        """Returns digests of some encoded pictures, spread evenly; `None` of the unreadable.

        Two class folders that swap their names have the same paths as before. Digests of masks and
        boxes come after those of the pictures, where older checkpoints have none.
        """
        annotations = sorted(self.keys - {"image", "label"})

        def content(index):
            try:
                sample = self.read(tf.constant(index))
            except tf.errors.OpError:
                return None, None
            parts = (["image"], annotations)
            digests = (
                hashlib.sha256(b"".join(_bytes(sample[key]) for key in keys)) for keys in parts
            )
            return tuple(digest.hexdigest()[:16] for digest in digests)

        indices = np.linspace(0, self.count - 1, min(COMPARED, self.count)).astype("int64")
        found = [content(index) for index in indices]
        pictures, rest = [one for one, _ in found], [two for _, two in found]
        return pictures + (rest if annotations else [])


def _bytes(tensor):
    value = tensor.numpy()
    return value if isinstance(value, bytes) else value.tobytes()
