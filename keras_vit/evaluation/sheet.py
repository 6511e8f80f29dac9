"""Pictures beside what is true of them and what a model answered."""

import numpy as np

from keras_vit.images.gallery import TILE, gallery_figure
from keras_vit.images.holes import colours


def sheet_figure(task, examples):
    """Draws a row for each example: the picture, the truth on it, and the answer.

    Args:
        task: A `keras_vit.tasks.Task` with `picture` and `show`.
        examples: Tuples of an image `(H, W, C)`, uint8, perhaps with alpha, its truth, its answers
            (arrays without the axis of the batch, by name) and a title.

    Returns:
        A Matplotlib figure.
    """
    images, titles = [], []
    for image, truth, answers, title in examples:
        answered = next(iter(task.show(image, answers).values()))
        whole = np.broadcast_to(colours(image), (*image.shape[:2], 3))
        images += [whole, task.picture(image, truth), np.asarray(answered.convert("RGB"))]
        titles += [title, "truth", "answer"]
    tile = max(TILE, *images[0].shape[:2])
    return gallery_figure(np.stack(images), titles, columns=3, tile=tile)


def mistakes_figure(task, examples):
    """Draws the examples that were answered worst.

    Args:
        task: A `keras_vit.tasks.Task`.
        examples: `keras_vit.evaluation.worst.Example`s, the worst first, at least one.

    Returns:
        A Matplotlib figure: with `picture` and `show` of the task, rows of picture, truth and
        answer; else pictures with what is true and what was answered.
    """
    if task.picture is not None and task.show is not None:
        rows = ((x.image, x.truth, x.answers, f"{x.goodness:.3g}") for x in examples)
        return sheet_figure(task, rows)
    titles = [_truth_and_answer(task, x.truth, x.answers) for x in examples]
    return gallery_figure(np.stack([x.image for x in examples]), titles, columns=4)


def _truth_and_answer(task, truth, answers):
    """Writes what is true and, on a second line, what was answered first, with its numbers."""
    lines = [] if task.title is None else [f"is {task.title(truth)}"]
    if task.words is not None:
        row = task.words(answers)[0]
        numbers = (f"{number:.3g}" for number in task.numbers_in(row).values())
        lines.append(" ".join(["answer:", row["name"], *numbers]))
    return "\n".join(lines)
