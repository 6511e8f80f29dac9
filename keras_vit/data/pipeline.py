"""Batches of a split: each is a pure function of (seed, step)."""

import functools
import os

import numpy as np
import tensorflow as tf

from keras_vit.data.augment.chain import is_resumable
from keras_vit.data.augment.keys import example_keys, fold
from keras_vit.data.crop import centre_crop
from keras_vit.data.examples import eval_examples, sequential_examples, train_examples
from keras_vit.data.order import Order
from keras_vit.data.service import service_examples
from keras_vit.data.sources.source import (
    EncodedSplit,
    SequentialSplit,
    Split,
    in_memory_preprocessing,
)
from keras_vit.errors import UserError

CROP, AUGMENT, MIX = range(3)  # which family of an example's keys a stage draws from
AT_ONCE = min(16, os.cpu_count() or 1)  # batches that are worked on, whose memory it bounds


def train_batches(
    split,
    *,
    batch_size,
    seed,
    crop=None,
    augment=None,
    mix=None,
    repeats=1,
    start_step=0,
    worker=0,
    workers=1,
    broken=None,
    service=None,
    job=None,
):
    """Streams shuffled training batches without end: images `(B, H, W, C)` uint8, labels `(B,)`.

    Every epoch passes through the split once in an order of its own. Batches are all full: one that
    straddles two epochs takes from both. The example at place `i` of batch `step` depends only on
    `seed`, `step` and `i`: the stream starts anywhere at no cost, does not depend on the number of
    parallel calls, and the shares of several workers, put together, are the stream of one. A
    `SequentialSplit` guarantees less, as its `Source` prints.

    A picture that cannot be read is noted in `broken` and replaced by another of the split, which
    seed and place choose too.

    Up to 16 batches are changed at once, on as many cores, and held in memory with two more.

    Args:
        split: A `keras_vit.data.Split`, `EncodedSplit` or `SequentialSplit`.
        batch_size: Examples per batch, over all workers.
        seed: Seed of order and augmentation.
        crop: A function of an encoded picture `()` and a key `()` that returns an image
            `(S, S, 3)`, such as `keras_vit.data.inception_crop`. Encoded splits need one, and only
            they have one.
        augment: A stage of `keras_vit.data.augment`: a function of images `(B, H, W, C)` and keys
            `(B,)` that returns images.
        mix: A function of images, labels and keys that returns images and soft labels `(B, K)`,
            such as `keras_vit.data.augment.mix`. It may combine only neighbours, `2j` and `2j + 1`.
        repeats: How often each example stands in a batch (repeated augmentation).
        start_step: Number of the first batch.
        worker: Which worker's share is streamed, `batch_size / workers` examples per batch.
        workers: How many workers there are.
        broken: A `BrokenPictures`.
        service: Address of a tf.data service, `"grpc://10.0.0.9:5000"`, whose workers read and
            decode. Each example is then seen at most once an epoch, in no certain order, and
            broken pictures are left out: the guarantees above do not hold.
        job: Name of this training at the service: all its workers must pass the same, and no other
            training, not even this one started again, may do so. One worker needs none.

    Returns:
        A `tf.data.Dataset`, with which `model.fit` needs `steps_per_epoch`. TensorFlow does not
        tune it: pass `num_parallel_calls` to a map that follows.

    Raises:
        ValueError: If a number is out of its range, `crop` does not fit the split, a stage cannot
            start in the middle, or no picture can be read.
    """
    _check_crop(split, crop)
    if (start_step or workers > 1) and not is_resumable(augment):
        raise UserError(
            "A stage with hidden random state starts at step 0 and has one worker: "
            f"received start_step={start_step}, workers={workers}."
        )
    if service and not isinstance(split, EncodedSplit):
        raise UserError("A tf.data service is for pictures in files that are read in any order.")
    if service and job is None and workers > 1:
        raise UserError(
            "Workers share the stream of a tf.data service under one name: received "
            f"workers={workers}, job=None."
        )
    seed_of_order, seed_of_augment = np.random.SeedSequence(seed).generate_state(2).tolist()
    order = Order(split.count, batch_size, seed_of_order, repeats, worker, workers)

    if mix is not None and workers > 1 and order.share % 2:
        raise UserError(
            "Mixing pairs neighbours, so a worker's share must be even: "
            f"received batch_size={batch_size}, workers={workers}."
        )

    def keys(counters, family):
        return fold(example_keys(seed_of_augment, counters), family)

    def finish(counters, images, labels):
        if augment is not None:
            images = augment(images, keys(counters, AUGMENT))
        if mix is not None:
            images, labels = mix(images, labels, keys(counters, MIX))
        return images, labels

    if isinstance(split, Split):

        def batch(step):
            ordinals = step * order.share + tf.range(order.share, dtype=tf.int64)
            counters = order.counters(ordinals)
            return finish(counters, *split.read(order.indices(counters)))

        steps = tf.data.Dataset.range(start_step, np.iinfo("int64").max)
        return _ahead(steps.map(batch, num_parallel_calls=AT_ONCE))
    if service:
        # The workers of the service share the work, not those of the training.
        whole = Order(split.count, batch_size, seed_of_order, repeats)
        batches = service_examples(
            split,
            whole,
            lambda encoded, counter: crop(encoded, keys(counter[None], CROP)[0]),
            start_step * batch_size,
            service,
            job,
        ).batch(order.share, drop_remainder=True)
    else:
        stream = sequential_examples if isinstance(split, SequentialSplit) else train_examples
        batches = stream(
            split,
            order,
            lambda encoded, counter: crop(encoded, keys(counter[None], CROP)[0]),
            start_step * order.share,
            broken,
        ).batch(order.share, drop_remainder=True)

        batches = batches.map(lambda ordinals, *rest: (order.counters(ordinals), *rest))

    return _ahead(batches.map(finish, num_parallel_calls=AT_ONCE))


def eval_batches(split, *, batch_size, crop=None, broken=None):
    """Streams a split once, in order, the last batch as long as it comes.

    A picture that cannot be read is noted in `broken` and left out.

    Args:
        split: A `keras_vit.data.Split`, `EncodedSplit` or `SequentialSplit`.
        batch_size: Examples per batch.
        crop: A function of an encoded picture `()` and a key that returns an image `(S, S, 3)`,
            such as `keras_vit.data.centre_crop`. Encoded splits need one, and only they have one.
        broken: A `BrokenPictures`.

    Returns:
        A `tf.data.Dataset` of images `(B, H, W, C)` uint8 and labels `(B,)`.

    Raises:
        ValueError: If `batch_size` is below 1, or `crop` does not fit the split.
    """
    if batch_size < 1:
        raise UserError(f"`batch_size` must be at least 1: received batch_size={batch_size}.")
    _check_crop(split, crop)
    if isinstance(split, Split):
        indices = tf.data.Dataset.range(split.count).batch(batch_size)
        batches = indices.map(split.read, num_parallel_calls=AT_ONCE)
    else:
        batches = eval_examples(split, crop, broken).batch(batch_size)
    return _ahead(batches)


def fitted_batches(split, preprocessing, *, batch_size, broken=None):
    """Streams any split once, in order, as a model is to see its images.

    Args:
        split: A `keras_vit.data.Split`, `EncodedSplit` or `SequentialSplit`.
        preprocessing: What the model expects: a `keras_vit.images.preprocessing.Preprocessing`
            with an `image_size`, as `fitted_preprocessing` takes it.
        batch_size: Examples per batch.
        broken: A `BrokenPictures`.

    Returns:
        A `tf.data.Dataset` of images `(B, H, W, C)` uint8 and labels `(B,)`.

    Raises:
        ValueError: If `batch_size` is below 1.
    """
    preprocessing = fitted_preprocessing(split, preprocessing)
    if isinstance(split, Split):
        return eval_batches(split.resized(preprocessing.image_size), batch_size=batch_size)
    crop = functools.partial(centre_crop, preprocessing=preprocessing)
    return eval_batches(split, batch_size=batch_size, crop=crop, broken=broken)


def fitted_preprocessing(split, preprocessing):
    """Returns the `Preprocessing` that `fitted_batches` applies to a split.

    Encoded pictures are seen as the model expects. The images of a set in memory are of one size
    already: they are seen whole, resized where the model takes another size.

    Args:
        split: The split.
        preprocessing: What the model expects, with an `image_size`; of a set in memory also
            `None`, which keeps its size.

    Raises:
        ValueError: If encoded pictures have no `preprocessing`.
    """
    if isinstance(split, Split):
        return in_memory_preprocessing(
            preprocessing.image_size if preprocessing else split.image_shape[:2]
        )
    if preprocessing is None:
        raise UserError("A split of encoded pictures needs `preprocessing`: received None.")
    return preprocessing


def _check_crop(split, crop):
    if isinstance(split, Split) and crop is not None:
        raise UserError("`crop` decodes pictures: a split in memory has its pixels already.")
    if not isinstance(split, Split) and crop is None:
        raise UserError("A split of encoded pictures needs `crop`, for example inception_crop.")


def _ahead(batches):
    """Prepares two batches while one is in use; pictures are decoded by all threads, untuned.

    TensorFlow 2.21's tuner can miss that its iterator is given up, which then waits for the tuner's
    next round, up to a minute. (Of several replicas, TensorFlow's own iterators still may.)
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    options.autotune.initial_parallelism = 2**30  # else 16, however many threads there are
    return batches.prefetch(2).with_options(options)
