"""The order of examples: in training a pure function of the seed and the place in the stream."""

import dataclasses
import os
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import tensorflow as tf

from keras_vit.errors import UserError

AT_ONCE = min(16, os.cpu_count() or 1)  # batches prepared in parallel; bounds their memory
ENDLESS = 2**62  # examples; twice as many are still an int64
ROUNDS = 8  # of the cipher that shuffles; with four, two passes over 50,000 examples are alike


def mapped(dataset, function: Callable, at_once=AT_ONCE):
    """Maps a dataset by a function whose Python stays as it is, so that a stream opens sooner.

    AutoGraph would rewrite `if`, `for` and `while` for tensors, in the function and in all that it
    calls, which takes one or two seconds. What needs this is a `tf.function`.

    Args:
        dataset: A `tf.data.Dataset`.
        function: Is called with an element.
        at_once: How many elements are prepared in parallel.

    Returns:
        A `tf.data.Dataset` of what the function returns.
    """
    function = tf.autograph.experimental.do_not_convert(function)
    return dataset.map(function, num_parallel_calls=at_once)


@dataclasses.dataclass(frozen=True)
class Order:
    """The order in which an endless stream of batches passes through `count` examples.

    Every pass visits each example once, in an order of its own. A *counter* numbers the places of
    the whole stream: batch `step` holds the counters from `step * batch_size` on. Each of several
    workers has an equal, contiguous share of every batch; an *ordinal* numbers the places of one
    worker's stream, 0, 1, 2, ...

    Attributes:
        count: Number of examples.
        batch_size: Places per batch, over all workers.
        seed: Seed of the orders.
        repeats: How often an example stands in a batch ("Augment your batch", arXiv:1901.09335, as
            DeiT repeats it): a batch holds `ceil(batch_size / repeats)` different examples.
        worker: Number of this worker, from 0.
        workers: How many workers there are.
        start_step: Number of the first batch.
        endless: True: the stream goes on without end, in full batches.

    Raises:
        ValueError: If `batch_size`, `repeats` or `workers` is below 1, a batch needs more than
            `count * repeats` places, `workers` does not divide `batch_size`, or `worker` does not
            lie in `[0, workers)`.
    """

    count: int
    batch_size: int
    seed: int
    repeats: int = 1
    worker: int = 0
    workers: int = 1
    start_step: int = 0
    endless: ClassVar[bool] = True
    end: ClassVar[int] = ENDLESS

    def __post_init__(self):
        for name in ("batch_size", "repeats", "workers"):
            if getattr(self, name) < 1:
                value = getattr(self, name)
                raise UserError(f"`{name}` must be at least 1: received {name}={value}.")
        if self.batch_size > self.count * self.repeats:
            raise UserError(
                "`batch_size` must not exceed the examples: "
                f"received batch_size={self.batch_size}, {self.count} examples."
            )
        if self.batch_size % self.workers:
            raise UserError(
                "`workers` must divide `batch_size`: "
                f"received workers={self.workers}, batch_size={self.batch_size}."
            )
        if not 0 <= self.worker < self.workers:
            raise UserError(
                f"`worker` must lie in [0, {self.workers}): received worker={self.worker}."
            )

    @property
    def share(self):
        """Places per batch of one worker."""
        return self.batch_size // self.workers

    @property
    def start(self):
        """Ordinal of the first example."""
        return self.start_step * self.share

    def batches(self, make: Callable[[tf.Tensor], object]):
        """Streams what a function makes of the counters, int64 `(B,)`, of this worker's batches."""

        def batch(step):
            ordinals = step * self.share + tf.range(self.share, dtype=tf.int64)
            return make(self.counters(ordinals))

        steps = tf.data.Dataset.range(self.start_step, ENDLESS)
        return mapped(steps, batch)

    def passes(self, stream: Callable[..., tf.data.Dataset]):
        """Streams the examples of a `SequentialSplit`, pass after pass, from the first one on.

        Args:
            stream: `SequentialSplit.stream`.

        Returns:
            A `tf.data.Dataset` like that of one pass.
        """

        @tf.autograph.experimental.do_not_convert  # `stream` is plain Python, not to be rewritten
        def epoch(number):
            return stream(seed=number + self.seed, worker=self.worker, workers=self.workers)

        return tf.data.Dataset.range(ENDLESS).flat_map(epoch).skip(self.start)

    def batch(self, examples):
        """Makes this worker's batches of a dataset of its examples."""
        return examples.batch(self.share, drop_remainder=True)

    def counters(self, ordinals):
        """Turns ordinals of this worker into counters of the whole stream.

        Args:
            ordinals: int64, any shape.

        Returns:
            int64, the same shape.
        """
        step, place = ordinals // self.share, ordinals % self.share
        return step * self.batch_size + self.worker * self.share + place

    def indices(self, counters):
        """Looks up which examples stand at some places of the stream.

        Args:
            counters: int64 `(B,)`.

        Returns:
            Indices of the examples, int64 `(B,)`, in `[0, count)`.
        """
        position = self.positions(counters)
        return self.shuffled(position % self.count, position // self.count, 0, self.count)

    def positions(self, counters):
        """Numbers the places of the stream in which each repeated example is counted once.

        Args:
            counters: int64 `(B,)`.

        Returns:
            int64 `(B,)`.
        """
        distinct = -(-self.batch_size // self.repeats)
        step, place = counters // self.batch_size, counters % self.batch_size
        return step * distinct + place % distinct

    def shuffled(self, places, number, stream, count):
        """Looks up what stands at some places of orders that depend on the seed.

        Args:
            places: int64 `(B,)`, in `[0, count)`.
            number: Numbers of the orders, int64 `(B,)`.
            stream: Numbers of the families of orders, int64 `(B,)` or one for all.
            count: How many places each order has, int64 `(B,)` or one for all.

        Returns:
            int64 `(B,)`, in `[0, count)`.
        """
        fields = np.int64(self.seed).astype("int32"), tf.cast(number, tf.int32), stream
        fields = [tf.broadcast_to(tf.cast(each, tf.int32), tf.shape(places)) for each in fields]
        # The public tf.random.experimental.index_shuffle pads a batch of seeds on the wrong axis.
        return tf.raw_ops.RandomIndexShuffle(
            index=places, seed=tf.stack(fields, axis=1), max_index=count - 1, rounds=ROUNDS
        )

    def replacement(self, counter, attempt):
        """Draws the example that replaces one that cannot be read.

        Args:
            counter: Counter of the place, an integer.
            attempt: How many replacements have failed before, an integer.

        Returns:
            Index of the example, an integer in `[0, count)`.
        """
        return int(np.random.default_rng([abs(self.seed), counter, attempt]).integers(self.count))


@dataclasses.dataclass(frozen=True)
class Once:
    """Every example once, as stored; broken pictures are left out.

    It has the attributes and methods of `Order`; counters, ordinals and indices are the same.

    Attributes:
        count: Number of examples.
        batch_size: Examples per batch; the last batch may be shorter.

    Raises:
        ValueError: If `batch_size` is below 1.
    """

    count: int
    batch_size: int
    endless: ClassVar[bool] = False
    start: ClassVar[int] = 0

    def __post_init__(self):
        if self.batch_size < 1:
            raise UserError(
                f"`batch_size` must be at least 1: received batch_size={self.batch_size}."
            )

    @property
    def end(self):
        """Ordinal behind the last example."""
        return self.count

    def counters(self, ordinals):
        """Returns the ordinals."""
        return ordinals

    def indices(self, counters):
        """Returns the counters."""
        return counters

    def batches(self, make: Callable[[tf.Tensor], object]):
        """Streams what a function makes of the counters, int64 `(B,)`, of the batches."""
        return mapped(self.batch(tf.data.Dataset.range(self.count)), make)

    def passes(self, stream: Callable[..., tf.data.Dataset]):
        """Streams the examples of a `SequentialSplit` once, as stored."""
        return stream(seed=None, worker=0, workers=1)

    def batch(self, examples):
        """Makes batches of a dataset of the examples."""
        return examples.batch(self.batch_size)
