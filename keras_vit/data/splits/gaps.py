"""Notices which examples of an encoded split could not be read, and replaces them.

TensorFlow's decoders fail on a broken picture. A graph cannot catch the error, but a dataset can
drop the failed element. So each element carries its ordinal, and a gap between two ordinals shows
which pictures were dropped; only these are handled in Python. A *heartbeat* is an element without a
picture, inserted now and then and at the end, so that a gap is noticed even if no picture after it
can be read.

A flag that says whether each example is valid would be simpler, but needs a dataset of its own for
each picture. Measured, it streams 0.70 times as many JPEGs of 500x375 pixels a second, and 0.33
times as many of 32x32.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from keras_vit.data.order import mapped


def fill_gaps(
    elements,
    order,
    replace: Callable[[int], dict[str, np.ndarray] | None],
    finish: Callable[[tf.Tensor, dict[str, tf.Tensor]], object],
):
    """Puts replacements where ordinals are missing, removes the heartbeats, and makes batches.

    Args:
        elements: A dataset of ordinals, whether the element is a heartbeat, and samples; the
            ordinal of a heartbeat is that of the next picture.
        order: The `keras_vit.data.order.Order` or `Once` of the ordinals.
        replace: Is called with each missing ordinal, and returns its sample as arrays, or `None`
            to leave it out.
        finish: Is called with the counters `(B,)` and samples of each batch; what it returns is
            streamed.

    Returns:
        A `tf.data.Dataset`.
    """
    spec = elements.element_spec[2]
    parts = tf.nest.flatten(spec)
    nothing = tf.nest.map_structure(lambda x: tf.zeros(x.shape, x.dtype), spec)
    end = tf.constant(order.end, tf.int64), True, nothing

    def replacements(ordinals):
        found = [(ordinal, replace(ordinal)) for ordinal in ordinals]
        found = [(o, *tf.nest.flatten(sample)) for o, sample in found if sample is not None]
        if not found:
            return ordinals[:0], *(np.zeros((0, *x.shape), x.dtype.as_numpy_dtype) for x in parts)
        return tuple(map(np.stack, zip(*found, strict=True)))

    @tf.autograph.experimental.do_not_convert
    def fill(expected, element):
        ordinal, heartbeat, sample = element
        example = ordinal, *tf.nest.flatten(sample)

        def with_replacements():
            dtypes = tf.int64, *(x.dtype for x in parts)
            before = tf.numpy_function(replacements, [tf.range(expected, ordinal)], dtypes)
            own = 1 - tf.cast(heartbeat, tf.int32)
            return [tf.concat([x, y[None][:own]], 0) for x, y in zip(before, example, strict=True)]

        def unchanged():
            return [x[None] for x in example]

        ordinals, *filled = tf.cond(heartbeat | (ordinal > expected), with_replacements, unchanged)
        filled = [tf.ensure_shape(x, (None, *y.shape)) for x, y in zip(filled, parts, strict=True)]
        examples = tf.ensure_shape(ordinals, [None]), tf.nest.pack_sequence_as(spec, filled)
        return ordinal + 1 - tf.cast(heartbeat, tf.int64), examples

    whole = elements.concatenate(tf.data.Dataset.from_tensors(end))
    filled = whole.scan(tf.constant(order.start, tf.int64), fill).unbatch()
    return mapped(
        order.batch(filled), lambda ordinals, sample: finish(order.counters(ordinals), sample)
    )
