"""Reads, decodes and crops the examples of encoded splits one by one; replaces broken pictures.

TensorFlow's decoders fail on a broken picture. A graph cannot catch the error, but a dataset can
drop the failed element. So each element carries its ordinal, and a gap between two ordinals shows
which pictures were dropped; only these are handled in Python. A *heartbeat* is an element without a
picture, inserted every 256 elements and at the end, so that a gap is noticed even if no picture
after it can be read.
"""

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from keras_vit.data.broken import BrokenPictures, why_broken
from keras_vit.data.sources.source import SequentialSplit
from keras_vit.errors import UserError

ATTEMPTS = 100  # pictures that may be broken in a row before the stream gives up
ENDLESS = np.iinfo("int64").max
HEARTBEAT = 256  # every 256th element is a heartbeat
NO_KEY = np.uint64(0)  # evaluation draws nothing at random


def train_examples(
    split, order, crop: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], start, broken=None
):
    """Streams the examples of an `EncodedSplit` without end, for training.

    A picture that cannot be read is recorded in `broken` and replaced by another of the split.

    Args:
        split: The split.
        order: The `keras_vit.data.order.Order` of its examples.
        crop: Is called with an encoded picture `()` and its counter `()`, int64, and returns an
            image `(S, S, 3)`, uint8.
        start: Ordinal of the first example, in this worker's numbering.
        broken: A `BrokenPictures`; by default nothing is recorded.

    Returns:
        A `tf.data.Dataset` of ordinals `()`, int64, images `(S, S, 3)` and labels `()`.

    Raises:
        ValueError: If no picture can be read in a hundred attempts.
    """
    broken = broken or BrokenPictures()

    @tf.function(input_signature=[tf.TensorSpec([], tf.int64)] * 2)
    def read(index, counter):
        encoded, label = split.read(index)
        return crop(encoded, counter), label

    nothing = [tf.zeros(x.shape, x.dtype) for x in read.get_concrete_function().structured_outputs]

    def element(position):
        ordinal = start + position - position // HEARTBEAT
        heartbeat = position % HEARTBEAT == HEARTBEAT - 1

        def picture():
            counter = order.counters(ordinal)
            return read(order.indices(counter[None])[0], counter)

        return ordinal, heartbeat, *tf.cond(heartbeat, lambda: tuple(nothing), picture)

    def replacement(ordinal):
        """Returns image and label of an ordinal, or of the first replacement that can be read."""
        counter = order.counters(tf.constant(ordinal, tf.int64))
        index = int(order.indices(counter[None])[0])
        for attempt in range(ATTEMPTS):
            try:
                return [part.numpy() for part in read(index, counter)]
            except tf.errors.OpError:
                broken.add(split.path(index), why_broken(split, index))
            index = order.replacement(int(counter), attempt)
        raise UserError(
            f"None of {ATTEMPTS} pictures can be read; the last is {split.path(index)}."
        )

    replacement(start)  # a split in which no picture can be read is refused at once
    positions = tf.data.Dataset.range(ENDLESS)
    good = positions.map(element, num_parallel_calls=tf.data.AUTOTUNE).ignore_errors()

    def replacements(ordinals):
        pairs = [replacement(ordinal) for ordinal in ordinals]
        if not pairs:  # a heartbeat after a good picture
            return ordinals, *(np.zeros((0, *x.shape), x.dtype.as_numpy_dtype) for x in nothing)
        images, labels = zip(*pairs, strict=True)
        return ordinals, np.stack(images), np.stack(labels)

    return _fill_gaps(good, start, replacements)


def sequential_examples(
    split, order, crop: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], start, broken=None
):
    """Streams the examples of a `SequentialSplit` without end, for training.

    Records before `start` are read and dropped. A picture that cannot be read is recorded in
    `broken` and left out; the next one takes its place.

    Args:
        split: The split.
        order: A `keras_vit.data.order.Order`: its seed chooses the order of the stream, its worker
            the share.
        crop: Is called with an encoded picture `()` and its counter `()`, int64, and returns an
            image `(S, S, 3)`, uint8.
        start: Ordinal of the first example, in this worker's numbering.
        broken: A `BrokenPictures`; by default nothing is recorded.

    Returns:
        A `tf.data.Dataset` of ordinals `()`, int64, images `(S, S, 3)` and labels `()`.
    """

    @tf.autograph.experimental.do_not_convert  # `stream` is plain Python, not to be rewritten
    def epoch(number):
        return split.stream(seed=number + order.seed, worker=order.worker, workers=order.workers)

    records = tf.data.Dataset.range(ENDLESS).flat_map(epoch).skip(start)

    def example(ordinal, record):
        encoded, label = record
        return ordinal, False, crop(encoded, order.counters(ordinal)), label

    numbered = tf.data.Dataset.zip(tf.data.Dataset.range(start, ENDLESS), records)
    good = numbered.map(example, num_parallel_calls=tf.data.AUTOTUNE).ignore_errors()
    return _note_gaps(good, start, "record {} of the stream".format, _cannot_tell, broken)


def eval_examples(split, crop: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], broken=None):
    """Streams the examples of an encoded split once, in order, without broken pictures.

    Args:
        split: An `EncodedSplit` or `SequentialSplit`.
        crop: Is called with an encoded picture `()` and a key `()`, uint64, and returns an image
            `(H, W, 3)`, uint8.
        broken: A `BrokenPictures`, in which broken pictures are recorded; by default they are not.

    Returns:
        A `tf.data.Dataset` of images `(H, W, 3)` and labels `()`.
    """
    ordinals = tf.data.Dataset.range(split.count)
    if isinstance(split, SequentialSplit):
        ordinals = tf.data.Dataset.zip(ordinals, split.stream(seed=None, worker=0, workers=1))
        path, reason = "record {}".format, _cannot_tell
    else:
        path, reason = split.path, functools.partial(why_broken, split)

    def element(ordinal, record=None):
        encoded, label = record or split.read(ordinal)
        return ordinal, False, crop(encoded, NO_KEY), label

    good = ordinals.map(element, num_parallel_calls=tf.data.AUTOTUNE).ignore_errors()
    nothing = [tf.zeros(x.shape, x.dtype) for x in good.element_spec[2:]]
    heartbeat = (tf.constant(split.count, tf.int64), True, *nothing)
    whole = good.concatenate(tf.data.Dataset.from_tensors(heartbeat))
    examples = _note_gaps(whole, 0, path, reason, broken)
    return examples.map(lambda _, image, label: (image, label))


def _note_gaps(elements, start, path: Callable[[int], str], reason: Callable[[int], str], broken):
    """Records missing ordinals in `broken` and puts nothing in their place."""
    broken = broken or BrokenPictures()
    image = elements.element_spec[2]

    def nothing(ordinals):
        for ordinal in ordinals:
            broken.add(path(ordinal), reason(ordinal))
        shape = (0, *image.shape)
        return ordinals[:0], np.zeros(shape, image.dtype.as_numpy_dtype), np.zeros(0, "int64")

    return _fill_gaps(elements, start, nothing)


def _cannot_tell(ordinal):
    return "It cannot be decoded."


def _fill_gaps(
    elements,
    start,
    replacements: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]],
):
    """Puts replacements where ordinals are missing, and removes the heartbeats.

    Args:
        elements: A dataset of ordinals, whether the element is a heartbeat, images and labels; the
            ordinal of a heartbeat is that of the next picture.
        start: The first ordinal.
        replacements: Is called with the missing ordinals `(M,)`, and returns ordinals, images and
            labels of examples, any number of them.

    Returns:
        A dataset of ordinals, images and labels.
    """
    _, _, image, label = elements.element_spec

    def fill(expected, element):
        ordinal, heartbeat, *picture = element
        example = (ordinal, *picture)

        def with_replacements():
            dtypes = (tf.int64, image.dtype, label.dtype)
            before = tf.numpy_function(replacements, [tf.range(expected, ordinal)], dtypes)
            own = 1 - tf.cast(heartbeat, tf.int32)
            return [tf.concat([x, y[None][:own]], 0) for x, y in zip(before, example, strict=True)]

        def unchanged():
            return [x[None] for x in example]

        ordinals, images, labels = tf.cond(
            heartbeat | (ordinal > expected), with_replacements, unchanged
        )
        ordinals, labels = tf.ensure_shape(ordinals, [None]), tf.ensure_shape(labels, [None])
        images = tf.ensure_shape(images, (None, *image.shape))
        return ordinal + 1 - tf.cast(heartbeat, tf.int64), (ordinals, images, labels)

    return elements.scan(tf.constant(start, tf.int64), fill).unbatch()
