"""An order that draws all classes equally, still a pure function of the seed and the place."""

import dataclasses

import numpy as np
import tensorflow as tf

from keras_vit.choices import SAMPLINGS
from keras_vit.data.order import Order
from keras_vit.errors import UserError

OF_CLASS = 10  # replacements of a broken picture that are drawn from its own class


@dataclasses.dataclass(frozen=True, kw_only=True)
class BalancedOrder(Order):
    """An `Order` in which the `K` classes that have examples are equally frequent.

    With repeats counted once, place `p` of the stream belongs to round `r = p // K`. A round visits
    each class once, in an order of its own. The class that place `p % K` of round `r` belongs to
    has `n` examples, and shows number `r % n` of its pass `r // n`, which visits each of them once,
    in an order of its own. So

    - in the first `p` places each class stands `p / K` times, less than one more or fewer;
    - no example of a class is seen again before all others of the class have been seen.

    Attributes:
        labels: The labels `(count,)`, integers.

    Raises:
        ValueError: As `Order`.
    """

    labels: np.ndarray = dataclasses.field(repr=False, compare=False)

    def __post_init__(self):
        super().__post_init__()
        _, classes, counts = np.unique(self.labels, return_inverse=True, return_counts=True)
        members = np.argsort(classes, kind="stable")  # of the first class, the second, ...
        starts = np.cumsum(counts) - counts
        with tf.device("CPU"):  # captured by reference; arrays would be copied into each graph
            for name, array in dict(members=members, starts=starts, counts=counts).items():
                object.__setattr__(self, f"_{name}", tf.constant(array, tf.int64))

    def indices(self, counters):
        """Looks up which examples stand at some places of the stream.

        Args:
            counters: int64 `(B,)`.

        Returns:
            Indices of the examples, int64 `(B,)`, in `[0, count)`.
        """
        classes, number = self._visits(counters)
        counts = tf.gather(self._counts, classes)
        # A stream of its own for each class: 0 is that of the natural order, 1 that of the classes.
        places = self.shuffled(number % counts, number // counts, 2 + classes, counts)
        return tf.gather(self._members, tf.gather(self._starts, classes) + places)

    def replacement(self, counter, attempt):
        """Draws the example that replaces one that cannot be read, at first from its own class.

        Args:
            counter: Counter of the place, an integer.
            attempt: How many replacements have failed before, an integer.

        Returns:
            Index of the example, an integer in `[0, count)`.
        """
        drawn = super().replacement(counter, attempt)
        if attempt >= OF_CLASS:  # perhaps none of the class can be read
            return drawn
        (label,), _ = self._visits(tf.constant([counter], tf.int64))
        place = drawn % int(self._counts[label])
        return int(self._members[self._starts[label] + place])

    def _visits(self, counters):
        """Returns the class of each place, and how often it was visited before, int64 `(B,)`."""
        position, count = self.positions(counters), len(self._counts)
        rounds = position // count
        return self.shuffled(position % count, rounds, 1, count), rounds


def training_order(split, sampling, *numbers):
    """Makes the order of the training examples of a split.

    Args:
        split: A `keras_vit.data.Split`, `EncodedSplit` or `SequentialSplit`.
        sampling: `"natural"`, each example once a pass, or `"balanced"`, each class equally often.
        *numbers: What follows `count` in an `Order`.

    Returns:
        An `Order`.

    Raises:
        ValueError: If `sampling` is neither, the labels are not known without reading the
            pictures, or as `Order`.
    """
    if sampling not in SAMPLINGS:
        names = ", ".join(SAMPLINGS)
        raise UserError(f"`sampling` must be one of {names}: received {sampling!r}.")
    if sampling == "natural":
        return Order(split.count, *numbers)
    if split.labels is None:
        raise UserError(
            "Balanced sampling needs labels that are known without reading the pictures: received "
            "sampling='balanced' for a split without."
        )
    return BalancedOrder(split.count, *numbers, labels=split.labels)
