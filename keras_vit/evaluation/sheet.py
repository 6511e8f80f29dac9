"""Pictures beside what is true of them and what a model answered."""

import numpy as np

from keras_vit.images.gallery import TILE, gallery_figure


def sheet_figure(task, examples):
    """Draws a row for each example: the picture, the truth, and the answer.

    Args:
        task: A `keras_vit.tasks.Task` that draws its answers.
        examples: Tuples of an image `(H, W, C)`, uint8, perhaps with alpha, its truth, its answers
            (arrays without the axis of the batch, by name) and a title.

    Returns:
        A Matplotlib figure.
    """
    images, titles = [], []
    for *example, title in examples:
        drawn = task.drawn(*example)
        images += [np.broadcast_to(each, (*each.shape[:2], 3)) for each in drawn.values()]
        titles += [title, *list(drawn)[1:]]
    size = np.max([each.shape[:2] for each in images], axis=0)
    tile = max(TILE, *size)
    return gallery_figure(_of_size(images, size), titles, columns=len(drawn), tile=tile)


def _of_size(images, size):
    """Stacks images of at most this size; beyond the smaller ones it is white."""
    stacked = np.full((len(images), *size, 3), 255, "uint8")
    for place, each in zip(stacked, images, strict=True):
        place[: each.shape[0], : each.shape[1]] = each
    return stacked


def mistakes_figure(task, examples):
    """Draws the examples that were answered worst.

    Args:
        task: A `keras_vit.tasks.Task`.
        examples: `keras_vit.evaluation.worst.Example`s, the worst first, at least one.

    Returns:
        A Matplotlib figure: of a task that draws its answers, rows of picture, truth and answer;
        else pictures with what is true and what was answered.
    """
    if task.draws_answers:
        rows = ((x.image, x.truth, x.answers, f"{x.goodness:.3g}") for x in examples)
        return sheet_figure(task, rows)
    lines = ((truth_title(task, x.truth), answer_title(task, x.answers)) for x in examples)
    titles = ["\n".join(filter(None, each)) for each in lines]
    return gallery_figure(np.stack([x.image for x in examples]), titles, columns=4)


def truth_title(task, truth):
    """Writes what is true of an example; empty where the task has no words for it."""
    return "" if task.title is None else f"is {task.title(truth)}"


def answer_title(task, answers):
    """Writes what was answered first, below its numbers, which a long name would push out.

    Args:
        task: A `keras_vit.tasks.Task`.
        answers: The answers to an example by name, arrays without the axis of the batch.

    Returns:
        Two lines; an empty text where the task has no words for answers.
    """
    if task.words is None:
        return ""
    row = task.words(answers)[0]
    numbers = (f"{number:.3g}" for number in task.numbers_in(row).values())
    return f"{' '.join(['answer', *numbers])}\n{row['name']}"
