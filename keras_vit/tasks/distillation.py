"""Distillation: classification that is learned from a teacher, too."""

import dataclasses
import functools

import numpy as np

from keras_vit.tasks.classification import classification
from keras_vit.tasks.task import Task


def distillation(
    class_names, *, hard=False, share=0.5, temperature=1.0, mixup=0.0, cutmix=0.0, mix_rate=1.0,
    label_smoothing=0.0,
) -> Task:  # fmt: skip
    """Makes the task of a student: classification, with the loss of labels and of a teacher.

        trained = taught(classifier(backbone, K, distillation_head=True), teacher)
        model = task.deploy(trained)  # the student alone

    Args:
        class_names: Names of the `K` classes in their order.
        hard: As `keras_vit.tasks.teacher_loss.DistillationLoss` takes it.
        share: As this loss takes it.
        temperature: As this loss takes it.
        mixup: As `keras_vit.tasks.classification` takes it.
        cutmix: As it takes it.
        mix_rate: As it takes it.
        label_smoothing: As it takes it.

    Returns:
        A `Task`. The graph that trains is what `keras_vit.tasks.taught` returns; its student is
        deployed, judged and saved as any classifier.

    Raises:
        ValueError: If a number is out of its range.
    """
    task = classification(
        class_names,
        mixup=mixup,
        cutmix=cutmix,
        mix_rate=mix_rate,
        label_smoothing=label_smoothing,
    )
    make_loss = functools.partial(_loss, hard=hard, share=share, temperature=temperature)
    make_loss()  # a number out of its range is said now
    return of_student(
        dataclasses.replace(
            task,
            loss=make_loss,
            metrics=_metrics,
            # Targets may hold the answers of the teacher behind the labels.
            title=lambda target: task.title(target[0] if np.ndim(target) == 2 else target),
        )
    )


def of_student(task):
    """Returns a task of classification whose graph holds more than the student that is deployed.

    Args:
        task: A `Task` of classification.

    Returns:
        A `Task`. The graph that trains is what `keras_vit.tasks.taught` or
        `keras_vit.tasks.guided` returns.
    """
    return dataclasses.replace(task, deploy=lambda model: task.deploy(_student(model)))


def _loss(**how):
    from keras_vit.tasks.teacher_loss import DistillationLoss

    return DistillationLoss(**how)


def _metrics():
    import keras

    from keras_vit.tasks.teacher_loss import accuracy, agreement

    return [keras.metrics.MeanMetricWrapper(each, each.__name__) for each in (accuracy, agreement)]


def _student(model):
    from keras_vit.tasks.teacher import student_of

    return student_of(model)
