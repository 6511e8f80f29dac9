"""Examples of encoded splits: read, decoded and cropped one by one, broken pictures replaced.

TensorFlow's decoders fail on a broken picture, and a graph cannot catch that. A dataset can drop
the failed element; so each element carries its ordinal, and a gap between two of them tells which
pictures were dropped. Only these are then handled in Python.
"""

import functools

import numpy as np
import tensorflow as tf

from keras_vit.data.broken import BrokenPictures
from keras_vit.data.sources.source import SequentialSplit
from keras_vit.picture import decode_picture

ATTEMPTS = 100  # pictures that may be broken in a row before the stream gives up
ENDLESS = np.iinfo("int64").max
NO_KEY = np.uint64(0)  # evaluation draws nothing


def train_examples(split, order, crop, start, broken=None):
    """Streams `(ordinal, image, label)` of an `EncodedSplit` without end.

    Args:
        split: The split.
        order: Its `Order`.
        crop: From an encoded picture `()` and its counter `()` to an image `(S, S, 3)`.
        start: Ordinal of the first example, in this worker's numbering.
        broken: A `BrokenPictures`.

    Raises:
        ValueError: If the first hundred pictures cannot be read.
    """
    broken = broken or BrokenPictures()

    @tf.function(input_signature=[tf.TensorSpec([], tf.int64)] * 2)
    def read(index, counter):
        encoded, label = split.read(index)
        return crop(encoded, counter), label

    def example(ordinal):
        counter = order.counters(ordinal)
        return ordinal, *read(order.indices(counter[None])[0], counter)

    def replacement(ordinal):
        """Returns image and label at an ordinal, or of the first stand-in that can be read."""
        counter = order.counters(tf.constant(ordinal, tf.int64))
        index = int(order.indices(counter[None])[0])
        for attempt in range(ATTEMPTS):
            try:
                return [part.numpy() for part in read(index, counter)]
            except tf.errors.OpError:
                broken.add(split.path(index), _reason(split, index))
            index = order.replacement(int(counter), attempt)
        raise ValueError(
            f"None of {ATTEMPTS} pictures can be read; the last is {split.path(index)}."
        )

    replacement(start)  # or else a split of broken pictures alone would be searched for ever
    ordinals = tf.data.Dataset.range(start, ENDLESS)
    good = ordinals.map(example, num_parallel_calls=tf.data.AUTOTUNE).ignore_errors()

    def replacements(ordinals):
        images, labels = zip(*map(replacement, ordinals), strict=True)
        return ordinals, np.stack(images), np.stack(labels)

    return _fill_gaps(good, start, replacements)


def sequential_examples(split, order, crop, start, broken=None):
    """Streams `(ordinal, image, label)` of a `SequentialSplit` without end; see `train_examples`.

    What comes before `start` is read and dropped. The next picture stands in for a broken one.
    """

    @tf.autograph.experimental.do_not_convert  # the stream's own Python stays as it is
    def epoch(number):
        return split.stream(seed=number + order.seed, worker=order.worker, workers=order.workers)

    records = tf.data.Dataset.range(ENDLESS).flat_map(epoch).skip(start)

    def example(ordinal, record):
        encoded, label = record
        return ordinal, crop(encoded, order.counters(ordinal)), label

    numbered = tf.data.Dataset.zip(tf.data.Dataset.range(start, ENDLESS), records)
    good = numbered.map(example, num_parallel_calls=tf.data.AUTOTUNE).ignore_errors()
    return _note_gaps(good, start, "record {} of the stream".format, _cannot_tell, broken)


def eval_examples(split, crop, broken=None):
    """Streams `(image, label)` of an encoded split once, in order, without broken pictures."""
    ordinals = tf.data.Dataset.range(split.count)
    if isinstance(split, SequentialSplit):
        ordinals = tf.data.Dataset.zip(ordinals, split.stream(seed=None, worker=0, workers=1))
        path, reason = "record {}".format, _cannot_tell
    else:
        path, reason = split.path, functools.partial(_reason, split)

    def example(ordinal, record=None):
        encoded, label = record or split.read(ordinal)
        return ordinal, crop(encoded, NO_KEY), label

    good = ordinals.map(example, num_parallel_calls=tf.data.AUTOTUNE).ignore_errors()
    _, image, label = good.element_spec
    last = (
        tf.constant(split.count, tf.int64),
        tf.zeros(image.shape, image.dtype),
        tf.zeros((), label.dtype),
    )
    whole = good.concatenate(tf.data.Dataset.from_tensors(last))  # a gap at the end shows, too
    examples = _note_gaps(whole, 0, path, reason, broken)
    examples = examples.take_while(lambda ordinal, *_: ordinal < split.count)
    return examples.map(lambda _, image, label: (image, label))


def _note_gaps(examples, start, path, reason, broken):
    """Notes missing ordinals in `broken` and puts nothing in their place."""
    broken = broken or BrokenPictures()
    _, image, label = examples.element_spec

    def nothing(ordinals):
        for ordinal in ordinals:
            broken.add(path(ordinal), reason(ordinal))
        shape = (0, *image.shape)
        return ordinals[:0], np.zeros(shape, image.dtype.as_numpy_dtype), np.zeros(0, "int64")

    return _fill_gaps(examples, start, nothing)


def _reason(split, index):
    """Says in a sentence why an example of an `EncodedSplit` cannot be read."""
    try:
        encoded, _ = split.read(tf.constant(index, tf.int64))
        decode_picture(encoded.numpy())
    except tf.errors.OpError as error:
        return str(error.message).partition("\n")[0]
    except ValueError as error:
        return str(error)
    return "TensorFlow cannot decode it."


def _cannot_tell(ordinal):
    return "It cannot be decoded."


def _fill_gaps(examples, start, replacements):
    """Puts `replacements(ordinals)`, arrays of whole examples, where ordinals are missing."""
    _, image, label = examples.element_spec

    def fill(expected, example):
        def with_replacements():
            dtypes = (tf.int64, image.dtype, label.dtype)
            missing = tf.range(expected, example[0])
            before = tf.numpy_function(replacements, [missing], dtypes)
            return [tf.concat([x, y[None]], 0) for x, y in zip(before, example, strict=True)]

        def alone():
            return [x[None] for x in example]

        ordinals, images, labels = tf.cond(example[0] > expected, with_replacements, alone)
        ordinals, labels = tf.ensure_shape(ordinals, [None]), tf.ensure_shape(labels, [None])
        images = tf.ensure_shape(images, (None, *image.shape))
        return example[0] + 1, (ordinals, images, labels)

    return examples.scan(tf.constant(start, tf.int64), fill).unbatch()
