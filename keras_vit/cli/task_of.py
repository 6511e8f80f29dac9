"""The task of a model, and the examples of a source as it reads them."""

import numpy as np

from keras_vit.command_line import quiet_stderr

LISTED = 20  # numbers of an answer


def task_of(model, count):
    """Makes the task that a model was trained for.

    Args:
        model: What has the attributes `task`, `class_names` and `options`: an `Artefact`.
        count: Number of classes, where the model has no names for them; they are numbered.

    Returns:
        A `keras_vit.tasks.Task`.

    Raises:
        ValueError: If there is no such task.
    """
    from keras_vit.tasks import task_named

    names = model.class_names or tuple(map(str, range(count)))
    return task_named(model.task, names, model.options)


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
            rows.append({"name": name, "value": " x ".join(map(str, array.shape))})
            continue
        for place in np.ndindex(array.shape):
            where = f"[{', '.join(map(str, place))}]" if place else ""
            rows.append({"name": name + where, "value": float(array[place])})
    return rows


def examples_of(source, task, model_names, user):
    """Returns what reads the examples of a source for a task, by the classes of the model.

    Args:
        source: A `keras_vit.data.Source`.
        task: A `keras_vit.tasks.Task`, whose `class_names` are those of the model.
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
    if not names:
        return task.example
    classes = match_classes(names, model_names, len(task.class_names))
    return lambda sample: task.example(relabelled(sample, classes))
