"""From a split to batches: each is a pure function of (seed, step)."""

import numpy as np
import tensorflow as tf

from keras_vit.data.augment import example_keys


def train_batches(split, *, batch_size, seed, augment=None, start_step=0):
    """Streams shuffled training batches without end: images `(B, H, W, C)` uint8, labels `(B,)`.

    Every epoch passes through the split once in an order of its own. Batches are all full: one that
    straddles two epochs takes from both. Batch number `step` depends on `seed` and `step` alone, so
    the stream starts anywhere at no cost and does not depend on the number of parallel calls.

    Args:
        split: A `keras_vit.data.Split`.
        batch_size: Examples per batch.
        seed: Seed of order and augmentation.
        augment: From a batch of images and a seed of shape `(2,)` to a batch of images.
        start_step: Number of the first batch.

    Returns:
        A `tf.data.Dataset`; `model.fit` needs `steps_per_epoch` with it.

    Raises:
        ValueError: If `batch_size` is below 1 or above the number of examples.
    """
    _check_batch_size(batch_size)
    if batch_size > split.count:
        raise ValueError(
            "`batch_size` must not exceed the examples: "
            f"received batch_size={batch_size}, {split.count} examples."
        )
    seed_of_order, seed_of_augment = np.random.SeedSequence(seed).generate_state(2).astype("int32")

    def batch(step):
        counters = step * batch_size + tf.range(batch_size, dtype=tf.int64)
        epochs = tf.cast(counters // split.count, tf.int32)
        seeds = tf.stack([tf.fill([batch_size], seed_of_order), epochs, 0 * epochs], axis=1)
        # The public tf.random.experimental.index_shuffle pads a batch of seeds on the wrong axis.
        indices = tf.raw_ops.RandomIndexShuffle(
            index=counters % split.count, seed=seeds, max_index=split.count - 1
        )
        images, labels = split.read(indices)
        if augment is not None:
            images = augment(images, example_keys(seed_of_augment, counters))
        return images, labels

    steps = tf.data.Dataset.range(start_step, np.iinfo("int64").max)
    return steps.map(batch, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def eval_batches(split, *, batch_size):
    """Streams a split once, in order, the last batch as long as it comes.

    Args:
        split: A `keras_vit.data.Split`.
        batch_size: Examples per batch.

    Returns:
        A `tf.data.Dataset` of images `(B, H, W, C)` uint8 and labels `(B,)`.

    Raises:
        ValueError: If `batch_size` is below 1.
    """
    _check_batch_size(batch_size)
    indices = tf.data.Dataset.range(split.count).batch(batch_size)
    return indices.map(split.read, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def _check_batch_size(batch_size):
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1: received batch_size={batch_size}.")
