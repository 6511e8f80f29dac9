"""The examples of a source, as the task of a model reads them."""

import functools
import sys

import numpy as np

from keras_vit.command_line import quiet_stderr
from keras_vit.errors import UserError


def check_channels(task, channels, split):
    """Checks that the pictures of a split have the channels that a model takes.

    Args:
        task: The `keras_vit.tasks.Task` of the model.
        channels: How many channels the model's images have.
        split: The split of a `keras_vit.data.Source`.

    Raises:
        ValueError: If they have others.
    """
    taken, found = channels - task.alpha, split.channels
    if taken != found:
        raise UserError(f"The model takes {taken} channels: the source has {found}.")


def examples_of(source, task, model_names, user):
    """Returns what reads the examples of a source for a task, by the classes of the model.

    Args:
        source: A `keras_vit.data.Source`.
        task: A `keras_vit.tasks.Task`, whose `class_names` are those of the model; a task without
            classes reads the source as it is.
        model_names: Names of the model's classes, or `None`.
        user: The command, for messages.

    Returns:
        A function from a batch of samples to images and truth, for tf.data.

    Raises:
        ValueError: If the samples lack what the task needs, or a class of the source is none of the
            model's.
    """
    with quiet_stderr():
        from keras_vit.data.relabel import relabelled
        from keras_vit.tasks.class_names import match_classes
    source.require(task.needs, user)
    names = source.only(task.needs).class_names
    if not names or not task.class_names:
        return task.example
    classes = match_classes(names, model_names, len(task.class_names))
    return functools.wraps(task.example)(lambda sample: task.example(relabelled(sample, classes)))


def drawn_examples(split, count, preprocessing, seed, example):
    """Reads random examples of a split, each once, and says which cannot be read.

    Args:
        split: A split of a `keras_vit.data.Source`.
        count: How many examples are drawn, at most.
        preprocessing: The `Preprocessing` of their pictures.
        seed: Seed of the choice.
        example: What becomes of a batch of samples, as `examples_of` returns it.

    Returns:
        What `example` returns, joined over all batches.

    Raises:
        ValueError: If none of the pictures can be read.
    """
    from keras import tree

    from keras_vit.data import BrokenPictures, draw, fitted_batches

    broken = BrokenPictures()
    how = dict(batch_size=64, example=example, broken=broken)
    batches = fitted_batches(draw(split, count, seed), preprocessing, **how)
    parts = list(batches.as_numpy_iterator())
    for path, reason in broken.reasons.items():
        print(f"keras-vit: {path} is left out: {reason}", file=sys.stderr)
    if not parts:
        raise UserError("None of the pictures that were drawn can be read.")
    return tree.map_structure(lambda *each: np.concatenate(each), *parts)
