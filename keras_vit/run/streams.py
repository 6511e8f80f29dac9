"""What a recipe reads: its training data without end, and the splits that it evaluates."""

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from keras import tree

from keras_vit.data import fitted_batches, train_batches

LARGEST_BATCH = 256  # images of an evaluation
LARGEST_OUTPUT = 2**24  # numbers that a batch of an evaluation is answered with


def training_stream(
    config, source, task, *, crop, augment, broken, job
) -> Callable[..., tf.data.Dataset]:
    """Returns a function of `worker`, `workers` and `start_step` that opens the training data.

    Args:
        config: A recipe's `Training`.
        source: A `keras_vit.data.Source`.
        task: A `keras_vit.tasks.Task`.
        crop: As `keras_vit.run.train` takes it.
        augment: As `keras_vit.run.train` takes it.
        broken: A `keras_vit.data.BrokenPictures`.
        job: Name of this start of the run at a tf.data service.
    """
    return functools.partial(
        train_batches,
        source.splits["train"],
        batch_size=config.batch_size,
        seed=config.seed,
        crop=crop,
        augment=augment,
        example=task.example,
        mix=task.mix or _unmixed(task.learned),
        repeats=config.repeats,
        sampling=config.sampling,
        broken=broken,
        service=config.data_service or None,
        job=job,
    )


def evaluation_batches(task, model, split, preprocessing, *, parts, broken, numbered=False):
    """Streams a split once, in batches that divide over the replicas and fit into memory.

    Args:
        task: A `keras_vit.tasks.Task`.
        model: The model that trains.
        split: A split of a `keras_vit.data.Source`.
        preprocessing: How its pictures are prepared, a `Preprocessing`.
        parts: How many replicas there are.
        broken: A `keras_vit.data.BrokenPictures`.
        numbered: As `keras_vit.data.fitted_batches` takes it.

    Returns:
        A `tf.data.Dataset` of images and truth.
    """
    numbers = sum(int(np.prod(output.shape[1:])) for output in tree.flatten(model.output))
    areas = preprocessing.image_size, model.input_shape[1:3]
    numbers *= np.divide(*map(np.prod, areas))  # a dense answer grows with its picture
    size = min(LARGEST_BATCH, split.count, int(LARGEST_OUTPUT // numbers))
    how = dict(example=task.example, broken=broken, numbered=numbered)
    return fitted_batches(split, preprocessing, batch_size=max(1, size // parts) * parts, **how)


def _unmixed(learned):
    """Returns a `mix` that mixes nothing, or `None` where the truth is the target."""
    return None if learned is None else lambda x, y, keys: learned(x, y)
