"""Answers as TensorBoard shows them: plots, and pictures beside maps of what led to an answer."""

import keras
import numpy as np

from keras_vit.errors import UserError
from keras_vit.evaluation import mistakes_figure
from keras_vit.evaluation.sheet import answer_title, truth_title
from keras_vit.images.gallery import gallery_figure
from keras_vit.images.heat import overlaid
from keras_vit.images.holes import colours
from keras_vit.interpret import attention_rollout, relevance
from keras_vit.report.plots import Bins, reliability_figure
from keras_vit.tasks.deployed import CLASSIFICATION
from keras_vit.training import log_figure

EXPLAINED = 8  # mistakes that are drawn beside two maps each


def log_answers(log_dir, split, task, model, result, worst, *, step=0):
    """Writes the plots of a result and the worst answers under TensorBoard's tab Images.

    Where the model says how sure it is, one plot shows how far that can be believed.

    Args:
        log_dir: Folder that `tensorboard --logdir` is given.
        split: Name of the split that was answered, with which the names of the pictures begin.
        task: The `keras_vit.tasks.Task`.
        model: The model that answered, as `task.deploy` returns it.
        result: The `keras_vit.tasks.Result`.
        worst: The `keras_vit.evaluation.worst.Example`s that were answered worst.
        step: Number of steps that the model had done.
    """
    figures = {name: plot() for name, plot in result.plots.items()}
    if result.confidence is not None and result.right is not None:
        figures["reliability"] = reliability_figure(Bins.of(result.confidence, result.right))
    if worst:
        figures["worst answers"] = worst_figure(task, model, worst)
    for name, figure in figures.items():
        log_figure(log_dir, f"{split}/{name}", figure, step=step)


def worst_figure(task, model, examples):
    """Draws the examples that were answered worst; those of a classifier beside relevance.

    Args:
        task: The `keras_vit.tasks.Task`.
        model: The model that answered, as `task.deploy` returns it.
        examples: `keras_vit.evaluation.worst.Example`s, the worst first, at least one.

    Returns:
        A Matplotlib figure. For a classifier of `keras_vit.models.vit`, the first `EXPLAINED`
        pictures, each beside what speaks for the class that was answered, and for the true one;
        else what `keras_vit.evaluation.mistakes_figure` draws.
    """
    if task.name != CLASSIFICATION or not _is_taken(relevance, model):
        return mistakes_figure(task, examples)
    examples = examples[:EXPLAINED]
    tiles, titles = [], []
    for example in examples:
        tiles.append(pixels_of(example.image))
        titles.append(truth_title(task, example.truth))
        classes = int(task.decide(example.answers)), int(example.truth)
        # Picture by picture: gradients of all at once would take the memory of a training step.
        explain = relevance(model, np.array(classes))
        maps = keras.ops.convert_to_numpy(explain(np.stack([example.image] * 2)))
        for what, index, values in zip(("answer", "truth"), classes, maps, strict=True):
            tiles.append(overlaid(pixels_of(example.image), values))
            chance = example.answers["probabilities"][index]
            titles.append(f"red: for {what} {chance:.2f}\n{task.shown_names[index]}")
    return gallery_figure(np.stack(tiles), titles, columns=3)


def attention_figure(task, model, examples):
    """Draws pictures beside the model's attention to them, by `interpret.attention_rollout`.

    Args:
        task: The `keras_vit.tasks.Task`.
        model: The model that answered, as `task.deploy` returns it.
        examples: Tuples of an image `(H, W, C)`, 0 to 255, its truth, and its answers by name,
            arrays without the axis of the batch.

    Returns:
        A Matplotlib figure, or `None` where the model does not pool or attends within windows.
    """
    if not _is_taken(attention_rollout, model):
        return None
    images = np.stack([image for image, *_ in examples])
    maps = keras.ops.convert_to_numpy(attention_rollout(model)(images))
    tiles, titles = [], []
    for (image, truth, answers), values in zip(examples, maps, strict=True):
        tiles += [pixels_of(image), overlaid(pixels_of(image), values)]
        titles += [truth_title(task, truth), answer_title(task, answers)]
    return gallery_figure(np.stack(tiles), titles, columns=4)


def _is_taken(method, model):
    """Says whether a method of `keras_vit.interpret` can explain a model."""
    try:
        method(model)
    except UserError:
        return False
    return True


def pixels_of(images):
    """Returns images `(..., H, W, C)` as pixels `(..., H, W, 3)`, uint8, without alpha."""
    pixels = colours(np.clip(images, 0, 255).astype("uint8"))
    return np.broadcast_to(pixels, (*pixels.shape[:-1], 3))
