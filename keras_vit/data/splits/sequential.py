"""Encoded pictures that can only be read from one end to the other."""

import dataclasses
import functools
import hashlib
from collections.abc import Callable
from typing import ClassVar

import tensorflow as tf

from keras_vit.data.order import mapped
from keras_vit.data.sample import check_sample
from keras_vit.data.splits.gaps import fill_gaps


@dataclasses.dataclass(frozen=True)
class SequentialSplit:
    """Encoded pictures that can only be read from one end to the other.

    Attributes:
        count: Number of examples.
        stream: Returns a dataset of samples (see `keras_vit.data.sample`) whose `image` is the
            bytes of a picture, one pass over a worker's share, by the keywords `seed` (int64 tensor
            `()` that fixes the order, or `None` for the stored order), `worker` (its number, from
            0) and `workers` (how many there are).
        labels: `None`: they are not known without reading.
        channels: Channels of its pictures once they are decoded.
    """

    count: int
    stream: Callable[..., tf.data.Dataset]
    labels: ClassVar[None] = None
    image_shape: ClassVar[None] = None
    channels: ClassVar[int] = 3
    named: ClassVar[bool] = False
    stated_sizes: ClassVar[None] = None
    subset: ClassVar[None] = None
    guarantee: ClassVar[str] = (
        "read from one end to the other: the same seed gives the same order, a later start reads "
        "and drops what comes before (and shifts by broken records), and several workers read "
        "files of their own, so that their union is not the stream of one"
    )

    @property
    def keys(self):
        """Keys of its samples."""
        return set(self.stream(seed=None, worker=0, workers=1).element_spec)

    def batches(
        self,
        order,
        finish: Callable[[tf.Tensor, dict], object],
        crop: Callable[[dict, tf.Tensor], dict],
        broken=None,
    ):
        """Streams batches of the split in an order.

        What comes before the first example is read and dropped. A picture that cannot be read is
        left out; the next one takes its place.

        Args:
            order: A `keras_vit.data.order.Order`, whose seed chooses the order of the stream and
                whose worker the share, or `Once`.
            finish: Is called with the counters `(B,)`, int64, and samples of each batch; what it
                returns is streamed.
            crop: Is called with a sample and its counter `()`, int64, and returns the sample with
                an image `(H, W, 3)`, uint8.
            broken: A `BrokenPictures`; by default nothing is recorded.

        Returns:
            A `tf.data.Dataset`.
        """

        def example(ordinal, sample):
            return ordinal, False, crop(check_sample(sample), order.counters(ordinal))

        def leave_out(ordinal):
            if broken is not None:
                place = self.path(ordinal) + (" of the stream" if order.endless else "")
                broken.add(place, "It cannot be decoded.")

        ordinals = tf.data.Dataset.range(order.start, order.end)
        numbered = tf.data.Dataset.zip(ordinals, order.passes(self.stream))
        good = mapped(numbered, example, tf.data.AUTOTUNE).ignore_errors()
        return fill_gaps(good, order, leave_out, finish)

    def path(self, index):
        """Returns a name of an example for messages."""
        return f"record {index}"

    def each(self):
        """Yields a function for each example, which returns the sample as arrays and bytes."""
        stream = iter(self.stream(seed=None, worker=0, workers=1).as_numpy_iterator())
        while True:
            try:
                sample = next(stream)
            except StopIteration:
                return
            except tf.errors.OpError as error:  # the rest of this file is lost, not the next files
                yield functools.partial(_raise, error)
            else:
                yield functools.partial(check_sample, sample)

    def drawn(self, count, seed):
        """Returns a `SequentialSplit` of some examples, see `keras_vit.data.draw`."""

        def stream(*, worker, workers, **_):
            whole = self.stream(seed=tf.constant(seed, tf.int64), worker=worker, workers=workers)
            return whole.take(count)

        return SequentialSplit(count, stream)

    def digest(self):
        """Returns the digest of nothing: the version of its source tells what it holds."""
        return hashlib.sha256().hexdigest()

    def contents(self):
        """Returns no digests of single examples."""
        return []


def _raise(error):
    raise error
