"""What the task of a model makes of one answer: rows of words, and pictures."""

import dataclasses

import numpy as np

from keras_vit.errors import UserError
from keras_vit.inference.signature import PROBABILITIES

LISTED = 20  # numbers of an answer
THRESHOLD = "threshold"  # the option of tasks that list and draw what has at least this score


def task_of(model, shapes):
    """Makes the task that a model was trained for.

    Args:
        model: What has the attributes `task`, `class_names` and `options`, such as an `Artefact`.
        shapes: Shapes of its answers by name. Classes without names are numbered: their count is
            the last side of the probabilities.

    Returns:
        A `keras_vit.tasks.Task`.

    Raises:
        ValueError: If there is no such task.
    """
    from keras_vit.tasks import task_named

    names = model.class_names or tuple(map(str, range(shapes.get(PROBABILITIES, (0,))[-1])))
    return task_named(model.task, names, model.options)


def has_threshold(model):
    """Says whether the task of a model lists and draws only what has at least a score.

    Args:
        model: As `task_of` takes it.
    """
    task = known_task(model, {})
    return task is not None and THRESHOLD in task.options


def with_threshold(model, threshold):
    """Changes the score from which on a model's answers are listed and drawn.

    Args:
        model: As `task_of` takes it, a dataclass.
        threshold: The score, or `None` to change nothing.

    Returns:
        The model with another option.

    Raises:
        ValueError: If its task has no such option, or not this value of it.
    """
    if threshold is None:
        return model
    if not has_threshold(model):
        raise UserError(
            "A threshold is for models whose answers have scores, such as boxes: received "
            f"{threshold:g} for one of the task {model.task}."
        )
    model = dataclasses.replace(model, options={**model.options, THRESHOLD: threshold})
    task_of(model, {})
    return model


def rows_of(model, answer, top):
    """Describes an answer in the words of the model's task.

    Args:
        model: As `task_of` takes it.
        answer: Arrays by name, without the axis of the batch.
        top: Most rows, all of them where `None`; a task that has no words gets a row for each
            number instead.

    Returns:
        A list of dictionaries of the same keys: a `name`, and its numbers.
    """
    task = known_task(model, answer)
    if task is None or task.words is None:
        return numbers_of(answer)
    return task.words(answer)[:top]


def pictures_of(model, answer, image):
    """Draws an answer as the model's task does.

    Args:
        model: As `task_of` takes it.
        answer: Arrays by name, without the axis of the batch.
        image: The image `(H, W, C)`, uint8, that is answered.

    Returns:
        `PIL.Image`s by name; none for a task that draws nothing.
    """
    task = known_task(model, answer)
    return {} if task is None or task.show is None else task.show(image, answer)


def known_task(model, answer):
    """Makes the task of a model, if it is one of the package.

    Args:
        model: As `task_of` takes it.
        answer: Arrays by name, without the axis of the batch; may be empty where the classes have
            names, or there are none.

    Returns:
        A `keras_vit.tasks.Task`, or `None`.
    """
    try:
        return task_of(model, {name: array.shape for name, array in answer.items()})
    except UserError:  # a task of somebody's own
        return None


def numbers_of(answer):
    """Lists the numbers of an answer, for a task that has no words.

    Args:
        answer: Arrays by name.

    Returns:
        A row for each number of an array of at most `LISTED`, and one for the shape of others.
    """
    rows = []
    for name, array in answer.items():
        if array.size > LISTED:
            sides = " x ".join(map(str, array.shape))
            rows.append({"name": name, "value": f"{sides} numbers"})
            continue
        for place in np.ndindex(array.shape):
            where = f"[{', '.join(map(str, place))}]" if place else ""
            rows.append({"name": name + where, "value": float(array[place])})
    return rows
