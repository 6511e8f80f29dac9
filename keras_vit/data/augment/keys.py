"""Random numbers from keys: one per example, so that draws do not depend on the rest of a batch.

A key is 64 bits, a uint64 tensor `(B,)`. Numbers come from SplitMix64, which turns a counter into
well-mixed bits ("Fast Splittable Pseudorandom Number Generators", OOPSLA 2014, figure 14);
TensorFlow's own stateless generators take one seed for a whole batch, not one per example.
"""

import tensorflow as tf

GAMMA = 0x9E3779B97F4A7C15  # the golden ratio as 64 bits: the step of SplitMix64


def example_keys(seed, counters):
    """Makes the keys `(B,)` of examples from a seed and their counters `(B,)`.

    Args:
        seed: An integer, or an integer tensor `()`.
        counters: int64, the place of each example in the whole stream.

    Returns:
        A uint64 tensor `(B,)`.
    """
    return fold(fold(tf.zeros_like(counters, tf.uint64), seed), counters)


def fold(keys, number):
    """Derives new keys `(B,)` from keys `(B,)`; those of different numbers are independent.

    Args:
        keys: uint64 `(B,)`.
        number: A non-negative integer, or integers `(B,)`.

    Returns:
        A uint64 tensor of the shape of `keys`.
    """
    return _mix(_mix(keys) + tf.constant(GAMMA, tf.uint64) * (tf.cast(number, tf.uint64) + 1))


def uniform(keys, count):
    """Draws uniform numbers in `[0, 1)`, `(B, count)`, from keys `(B,)`.

    Args:
        keys: uint64 `(B,)`.
        count: How many numbers to draw for each key.

    Returns:
        A float32 tensor of multiples of `2**-24`.
    """
    steps = tf.cast(tf.range(1, count + 1), tf.uint64) * tf.constant(GAMMA, tf.uint64)
    bits = _mix(keys[:, None] + steps)
    return tf.cast(_shift(bits, 40), tf.float32) * 2.0**-24


def random_bytes(keys, count):
    """Draws uniform bytes `(B, count)` from keys `(B,)`.

    Args:
        keys: uint64 `(B,)`.
        count: How many bytes to draw for each key.

    Returns:
        A uint8 tensor.
    """
    steps = tf.cast(tf.range(1, -(-count // 8) + 1), tf.uint64) * tf.constant(GAMMA, tf.uint64)
    draws = tf.bitcast(_mix(keys[:, None] + steps), tf.uint8)  # B words 8
    return tf.reshape(draws, (-1, steps.shape[0] * 8))[:, :count]


def _mix(bits):
    bits = tf.bitwise.bitwise_xor(bits, _shift(bits, 30)) * tf.constant(
        0xBF58476D1CE4E5B9, bits.dtype
    )
    bits = tf.bitwise.bitwise_xor(bits, _shift(bits, 27)) * tf.constant(
        0x94D049BB133111EB, bits.dtype
    )
    return tf.bitwise.bitwise_xor(bits, _shift(bits, 31))


def _shift(bits, places):
    return tf.bitwise.right_shift(bits, tf.constant(places, bits.dtype))
