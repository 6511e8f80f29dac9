"""The examples of a source, as the task of a model reads them."""

import functools

import numpy as np

from keras_vit.command_line import quiet_stderr
from keras_vit.errors import UserError


def check_channels(taken, split):
    """Checks that the pictures of a split have the channels that a model takes.

    Args:
        taken: How many channels the model's pictures have, without alpha.
        split: The split of a `keras_vit.data.Source`.

    Raises:
        ValueError: If they have others.
    """
    if taken != split.channels:
        raise UserError(f"The model takes {taken} channels: the source has {split.channels}.")


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


def to_look_at(source, channels):
    """Chooses the split whose pictures are looked at: the one called test, or else the first.

    Args:
        source: A `keras_vit.data.Source`.
        channels: How many channels the model's images have.

    Returns:
        A split without labels, masks or boxes.

    Raises:
        ValueError: If its pictures have other channels.
    """
    splits = source.only(()).splits
    split = splits["test"] if "test" in splits else next(iter(splits.values()))
    check_channels(channels, split)
    return split


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

    parts = list(drawn_batches(split, count, preprocessing, seed, example, batch_size=64))
    return tree.map_structure(lambda *each: np.concatenate(each), *parts)


def drawn_batches(split, count, preprocessing, seed, example, *, batch_size):
    """Reads the examples of `drawn_examples` in batches, of which only a few are in memory.

    Args:
        split: As `drawn_examples` takes it.
        count: As `drawn_examples` takes it.
        preprocessing: As `drawn_examples` takes it.
        seed: As `drawn_examples` takes it.
        example: As `drawn_examples` takes it.
        batch_size: Examples per batch.

    Yields:
        What `example` returns.

    Raises:
        ValueError: At the end, if none of the pictures could be read.
    """
    from keras_vit.data import BrokenPictures, draw, fitted_batches

    broken, is_empty = BrokenPictures(), True
    how = dict(batch_size=batch_size, example=example, broken=broken)
    for batch in fitted_batches(draw(split, count, seed), preprocessing, **how).as_numpy_iterator():
        is_empty = False
        yield batch
    broken.print_left_out()
    if is_empty:
        raise UserError("None of the pictures that were drawn can be read.")
