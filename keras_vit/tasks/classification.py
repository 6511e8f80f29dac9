"""The task of classification: one of several classes for each image."""

import functools

import numpy as np

from keras_vit.errors import UserError
from keras_vit.tasks.class_names import told_apart
from keras_vit.tasks.class_score import Score
from keras_vit.tasks.confusion import confusion_figure
from keras_vit.tasks.result import Result
from keras_vit.tasks.task import Task


def classification(
    class_names,
    *,
    mixup=0.0,
    cutmix=0.0,
    mix_rate=1.0,
    label_smoothing=0.0,
    class_weights=None,
):
    """Makes the task of classification: cross-entropy of logits, judged by top-1 accuracy.

    Args:
        class_names: Names of the `K` classes in their order.
        mixup: Alpha of mixup's Beta distribution, as `keras_vit.data.augment.mix` takes it.
        cutmix: Alpha of cutmix's Beta distribution.
        mix_rate: Share of the images that mixup or cutmix changes.
        label_smoothing: Share of a label that is spread over all classes.
        class_weights: What a training example of each class counts in the loss, `K` numbers; by
            default all count alike. Validation and scores never use them.

    Returns:
        A `Task`. The graph that trains maps images to logits `(B, K)`; it is deployed to answer
        with `probabilities` `(B, K)`.
    """
    names = tuple(class_names)
    shown = told_apart(names)

    def target(labels):
        from keras_vit.data.labels import one_hot

        return one_hot(labels, len(names))

    def mix(images, labels, keys):
        from keras_vit.data.augment import mix

        how = dict(mixup=mixup, cutmix=cutmix, rate=mix_rate, smoothing=label_smoothing)
        how |= dict(num_classes=len(names), class_weights=class_weights)
        return mix(images, labels, keys, **how)

    return Task(
        name="classification",
        needs=("label",),
        example=_example,
        target=target,
        mix=mix,
        loss=functools.partial(_cross_entropy, class_weights),
        metrics=lambda: ["accuracy"],
        watched="accuracy",
        deploy=_checked,
        score=functools.partial(_score, names=shown),
        decide=lambda answers: answers["probabilities"].argmax(-1),
        title=functools.partial(_title, names=shown),
        words=functools.partial(_best, names=shown),
        row=functools.partial(_row, names=shown),
        class_names=names,
        shares=("accuracy", "top_5", "recall", "precision"),
    )


TASK = classification


def _example(sample):
    from keras_vit.data.sample import image_and_label

    return image_and_label(sample)


def _cross_entropy(class_weights):
    import keras

    if class_weights is not None:
        from keras_vit.losses import WeightedCrossEntropy

        return WeightedCrossEntropy()
    return keras.losses.CategoricalCrossentropy(from_logits=True)


def _checked(model):
    """Returns a classifier that ends in logits; it is saved as it is, to be trained further."""
    import keras

    from keras_vit.tasks.probabilities import to_probabilities

    if to_probabilities(model) is not keras.ops.softmax:
        raise UserError(
            f"A recipe trains logits, which keras_vit's ClassHead gives: {model.name!r} ends in a "
            "softmax."
        )
    return model


def _score(pairs, *, names):
    parts = [Score.of(labels, answers["probabilities"]) for answers, labels in pairs]
    if not parts:
        raise UserError("There is no image to answer.")
    score = Score.joined(parts)
    images, recall, precision = score.per_class()
    # Of five classes or fewer, all are among the five most probable.
    tops = {"accuracy": 1} | ({"top_5": 5} if score.num_classes > 5 else {})
    names = names or tuple(map(str, range(score.num_classes)))
    return Result(
        figures={
            **{name: score.top(k) for name, k in tops.items()},
            "calibration_error": score.calibration_error(),
        },
        count=len(score.labels),
        per_class={"recall": recall, "precision": precision, "images": images},
        each=score.of_labels,
        hits={name: score.ranks < k for name, k in tops.items()},
        confidence=score.confidences,
        confusion=score.confusion,
        plots={"confusion": lambda: confusion_figure(score.labels, score.predictions, names)},
    )


def _title(label, *, names):
    """Writes the name of a class, or the names in a mixture `(K,)`, a line each.

    Shares below 0.1 are left out: they come from label smoothing and not from a mixture.
    """
    if np.ndim(label) == 0:
        return names[label]
    label = label / max(label.sum(), 1e-9)  # class weights multiply it
    order = np.argsort(-label, kind="stable")
    order = [index for index in order if label[index] >= 0.1]
    if len(order) == 1:
        return names[order[0]]
    return "\n".join(f"{names[index]} {label[index]:.2f}" for index in order)


def _best(answers, *, names):
    """Lists the classes, the most probable first."""
    probabilities = answers["probabilities"]
    names = names or tuple(map(str, range(len(probabilities))))
    return [
        {"name": names[index], "index": int(index), "probability": float(probabilities[index])}
        for index in np.argsort(-probabilities, kind="stable")
    ]


def _row(label, answers, *, names):
    probabilities = answers["probabilities"]
    best = int(probabilities.argmax())
    return {
        "truth": names[label],
        "answer": names[best],
        "probability": float(probabilities[best]),
    }
