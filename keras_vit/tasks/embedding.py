"""The task of a backbone without a head: each image becomes a vector, and has no truth."""

import numpy as np

from keras_vit.errors import UserError
from keras_vit.tasks.result import Result
from keras_vit.tasks.task import Task

FEATURES = "features"


def embedding():
    """Makes the task of features, judged by the cosine to those of another model.

    What `keras_vit.tasks.features` builds is deployed to answer with `features` `(B, D)`. It is
    trained with a head, or by another task. There is no truth: exports are scored by the mean
    cosine of their features to those of the model that they came from.

    Returns:
        A `Task`.
    """
    return Task(
        name="embedding",
        example=_example,
        loss=_no_loss,
        deploy=lambda model: model,
        score=_score,
        words=_words,
        shares=("cosine",),
        truth_is_answered=True,
    )


def TASK(class_names):  # noqa: N802 - the name by which `task_named` finds it
    """Makes the task of an export; there are no classes."""
    return embedding()


def _example(sample):
    return sample["image"], sample["image"][:, 0, 0, 0]  # one number of each, in place of a truth


def _no_loss():
    raise UserError("Features have no loss of their own: train them with a head.")


def _score(pairs):
    cosines = [_cosines(answers[FEATURES], truth[FEATURES]) for answers, truth in pairs]
    if not cosines:
        raise UserError("There is no image to answer.")
    cosines = np.concatenate(cosines)
    return Result({"cosine": float(cosines.mean())}, count=len(cosines), each=cosines)


def _cosines(one, other):
    one, other = np.asarray(one, "float64"), np.asarray(other, "float64")
    lengths = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    return (one * other).sum(-1) / np.maximum(lengths, np.finfo("float64").tiny)


def _words(answers):
    numbers = answers[FEATURES]
    return [{"name": f"{FEATURES}[{n}]", "value": float(x)} for n, x in enumerate(numbers)]
