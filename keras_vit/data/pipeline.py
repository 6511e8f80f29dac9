"""Batches of a split: each is a pure function of seed and step."""

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from keras_vit.data.augment.chain import is_resumable
from keras_vit.data.augment.keys import example_keys, fold
from keras_vit.data.augment.samples import Stage
from keras_vit.data.balanced_order import training_order
from keras_vit.data.crop import centre_crop
from keras_vit.data.order import Once
from keras_vit.data.sample import image_and_label, made
from keras_vit.data.service import served_batches
from keras_vit.data.splits import in_memory_preprocessing
from keras_vit.errors import UserError

NO_KEY = np.uint64(0)  # evaluation crops nothing at random
CROP, AUGMENT, MIX, EXAMPLE = range(4)  # which family of an example's keys a stage draws from


def train_batches(
    split,
    *,
    batch_size,
    seed,
    crop: Stage | None = None,
    augment: Stage | None = None,
    example: Callable[[dict[str, tf.Tensor]], object] = image_and_label,
    mix: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]] | None = None,
    repeats=1,
    sampling="natural",
    start_step=0,
    worker=0,
    workers=1,
    broken=None,
    service=None,
    job=None,
):
    """Streams shuffled training batches without end: what `example` makes of batches of samples.

    Every epoch passes through the split once, in an order of its own; all batches are full, and one
    may hold examples of two epochs. The example at place `i` of batch `step` depends only on
    `seed`, `step` and `i`: the stream can start at any step at no cost, does not depend on the
    number of parallel calls, and is the same for several workers together as for one. A
    `SequentialSplit` guarantees less; its `Source` prints what.

    A picture that cannot be read is recorded in `broken`; `seed` and place choose its replacement.
    Up to 16 batches are prepared at once, on as many cores; these and two more are in memory.

    Args:
        split: A `keras_vit.data.Split`, `EncodedSplit` or `SequentialSplit`.
        batch_size: Examples per batch, over all workers.
        seed: Seed of order and augmentation.
        crop: Takes a sample (see `keras_vit.data.sample`) whose `image` is an encoded picture and a
            key `()`, uint64, and returns the sample with an image `(H, W, 3)`, such as
            `keras_vit.data.inception_crop`. Encoded splits need one; a `Split` takes none.
        augment: A stage of `keras_vit.data.augment`, which takes a batch of samples and keys `(B,)`
            and returns such a batch.
        example: Turns a batch of samples into what `model.fit` takes; by default into images
            `(B, H, W, C)`, uint8, and labels `(B,)`.
        mix: Turns what `example` returned and keys into the like, for example images and labels
            `(B,)` into images and soft labels `(B, K)`, such as `keras_vit.data.augment.mix`. It
            may combine only the neighbours `2j` and `2j + 1`.
        repeats: How often each example stands in a batch (repeated augmentation).
        sampling: `"natural"`, or `"balanced"`, in which all classes are equally frequent: see
            `keras_vit.data.balanced_order.BalancedOrder`. There is no epoch then: the examples of a
            rare class come back sooner.
        start_step: Number of the first batch.
        worker: Number of the worker, from 0, whose share of the batches is streamed.
        workers: How many workers there are.
        broken: A `BrokenPictures`; by default nothing is recorded.
        service: Address of a tf.data service, `"grpc://10.0.0.9:5000"`, whose workers read and
            decode. Each example is then seen at most once an epoch, in no certain order, and
            broken pictures are left out: the guarantees above do not hold.
        job: Name of this training at the service: all its workers must pass the same, and no other
            training, not even this one started again, may do so. One worker needs none.

    Returns:
        An endless `tf.data.Dataset` of `batch_size / workers` examples per batch; `model.fit` needs
        `steps_per_epoch`. TensorFlow does not tune it: pass `num_parallel_calls` to a map after it.

    Raises:
        ValueError: If a number is out of its range, `crop`, `service` or `job` does not fit, a
            stage cannot start in the middle, `mix` gets an odd share, or no picture can be read.
    """
    _check_crop(split, crop)
    if (start_step or workers > 1) and not is_resumable(augment):
        raise UserError(
            "A stage with hidden random state starts at step 0 and has one worker: "
            f"received start_step={start_step}, workers={workers}."
        )
    if service and job is None and workers > 1:
        raise UserError(
            "Several workers with a tf.data service need one name, `job`: received "
            f"workers={workers}, job=None."
        )
    seed_of_order, seed_of_augment = np.random.SeedSequence(seed).generate_state(2).tolist()
    where = batch_size, seed_of_order, repeats, worker, workers, start_step
    order = training_order(split, sampling, *where)

    if mix is not None and workers > 1 and order.share % 2:
        raise UserError(
            "Mixing pairs neighbours, so a worker's share must be even: "
            f"received batch_size={batch_size}, workers={workers}."
        )

    def keys(counters, family):
        return fold(example_keys(seed_of_augment, counters), family)

    def keyed_crop(sample, counter):
        return crop(sample, keys(counter[None], CROP)[0])

    def finish(counters, sample):
        if augment is not None:
            sample = augment(sample, keys(counters, AUGMENT))
        parts = made(example, sample, lambda: keys(counters, EXAMPLE))
        return parts if mix is None else mix(*parts, keys(counters, MIX))

    if service:
        return _ahead(served_batches(split, order, finish, keyed_crop, service, job))
    return _ahead(split.batches(order, finish, keyed_crop, broken))


def eval_batches(
    split,
    *,
    batch_size,
    crop: Stage | None = None,
    example: Callable[[dict[str, tf.Tensor]], object] = image_and_label,
    numbered=False,
    broken=None,
):
    """Streams a split once, in order; the last batch may be shorter.

    A picture that cannot be read is recorded in `broken` and left out.

    Args:
        split: A `keras_vit.data.Split`, `EncodedSplit` or `SequentialSplit`.
        batch_size: Examples per batch.
        crop: Takes a sample whose `image` is an encoded picture and a key `()`, and returns the
            sample with an image `(H, W, 3)`, such as `keras_vit.data.centre_crop`. Encoded splits
            need one; a `Split` takes none.
        example: Turns a batch of samples into an element of the dataset; by default into images
            `(B, H, W, C)`, uint8, and labels `(B,)`.
        numbered: Whether the elements are pairs of what `example` returns and the indices of the
            examples `(B,)`, int64, which `split.path` takes: those of broken pictures are missing.
        broken: A `BrokenPictures`; by default nothing is recorded.

    Returns:
        A `tf.data.Dataset`.

    Raises:
        ValueError: If `batch_size` is below 1, or `crop` does not fit the split.
    """
    order = Once(split.count, batch_size)
    _check_crop(split, crop)

    def finish(numbers, sample):
        parts = made(example, sample, lambda: fold(example_keys(0, numbers), EXAMPLE))
        return (parts, numbers) if numbered else parts

    return _ahead(split.batches(order, finish, lambda x, _: crop(x, NO_KEY), broken))


def fitted_batches(
    split,
    preprocessing,
    *,
    batch_size,
    example: Callable[[dict[str, tf.Tensor]], object] = image_and_label,
    numbered=False,
    broken=None,
):
    """Streams any split once, in order, resized and cropped as a model expects.

    Args:
        split: A `keras_vit.data.Split`, `EncodedSplit` or `SequentialSplit`.
        preprocessing: What the model expects, a `keras_vit.images.preprocessing.Preprocessing`
            with an `image_size`; `None` keeps the size of a `Split`.
        batch_size: Examples per batch.
        example: Turns a batch of samples into an element of the dataset; by default into images
            `(B, H, W, C)`, uint8, and labels `(B,)`.
        numbered: As `eval_batches` takes it.
        broken: A `BrokenPictures`; by default nothing is recorded.

    Returns:
        A `tf.data.Dataset`.

    Raises:
        ValueError: If `batch_size` is below 1, or encoded pictures have no `preprocessing`.
    """
    preprocessing = fitted_preprocessing(split, preprocessing)
    how = dict(batch_size=batch_size, example=example, numbered=numbered)
    if split.image_shape:
        return eval_batches(split.resized(preprocessing.image_size), **how)
    crop = functools.partial(centre_crop, preprocessing=preprocessing)
    return eval_batches(split, crop=crop, broken=broken, **how)


def fitted_preprocessing(split, preprocessing):
    """Returns the `Preprocessing` that `fitted_batches` applies to a split.

    Encoded pictures are resized and cropped as the model expects. Images in memory are of one size
    already: they are never cropped, and resized only where the model takes another size.

    Args:
        split: A `keras_vit.data.Split`, `EncodedSplit` or `SequentialSplit`.
        preprocessing: What the model expects, with an `image_size`; `None` keeps a `Split`'s size.

    Returns:
        A `keras_vit.images.preprocessing.Preprocessing` with an `image_size`.

    Raises:
        ValueError: If encoded pictures have no `preprocessing`.
    """
    if split.image_shape:
        return in_memory_preprocessing(
            preprocessing.image_size if preprocessing else split.image_shape[:2]
        )
    if preprocessing is None:
        raise UserError("A split of encoded pictures needs `preprocessing`: received None.")
    return preprocessing


def _check_crop(split, crop):
    if split.image_shape and crop is not None:
        shape = "x".join(map(str, split.image_shape))
        raise UserError(
            f"Crops are for pictures in files: received images of {shape} pixels in memory."
        )
    if not split.image_shape and crop is None:
        raise UserError("A split of encoded pictures needs `crop`, for example inception_crop.")


def _ahead(batches):
    """Prepares two batches while one is in use; all threads decode pictures, without autotuning.

    TensorFlow 2.21's tuner may not notice that an iterator was deleted; the deletion then waits for
    the next round of the tuner, up to a minute. (TensorFlow's own iterators for replicas still do.)
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    options.autotune.initial_parallelism = 2**30  # else at most 16 of the threads
    return batches.prefetch(2).with_options(options)
