"""The task of detection: boxes around objects, with a class and a score for each."""

import functools

import numpy as np

from keras_vit.errors import UserError
from keras_vit.tasks.class_names import told_apart
from keras_vit.tasks.class_plot import class_figure
from keras_vit.tasks.result import Result
from keras_vit.tasks.task import Task

HEADS = ("dense", "tokens")
ANSWERS = ("boxes", "scores", "classes")
FIGURES = ("mAP", "mAP50", "mAP75", "mAP_small", "mAP_medium", "mAP_large")


def detection(class_names, *, head="dense", threshold=0.5, box_weight=5.0):
    """Makes the task of detection, judged by COCO's mean average precision (mAP).

    Args:
        class_names: Names of the `K` classes in their order.
        head: `"dense"`, if the graph that trains is that of `keras_vit.tasks.detector`; `"tokens"`,
            if it is that of `keras_vit.tasks.token_detector`. Answers are scored alike.
        threshold: Score from which on a box is drawn, listed and counted in a picture's own figure;
            the average precision takes all boxes.
        box_weight: How much the place of a box counts in the loss beside its class.

    Returns:
        A `Task`. What is deployed answers with `boxes`, `scores` and `classes`, as
        `keras_vit.tasks.suppress.SurestBoxes` does; tokens answer in their own order. Truth is
        `(B, M, 5)`, as `keras_vit.data.packed_boxes` makes it.

    Raises:
        ValueError: If there is no class, `head` is unknown, or `threshold` lies outside of [0, 1].
    """
    names = tuple(class_names)
    if not names:
        raise UserError("Detection needs the names of its classes: received none.")
    if head not in HEADS:
        raise UserError(f"`head` must be one of {', '.join(HEADS)}: received {head!r}.")
    if not 0 <= threshold <= 1:
        raise UserError(f"`threshold` must lie in [0, 1]: received {threshold}.")
    how = dict(names=told_apart(names), threshold=threshold)
    options = {"threshold": threshold} | ({} if head == HEADS[0] else {"head": head})
    return Task(
        name="detection",
        needs=("boxes", "box_labels"),
        example=functools.partial(_example, count=len(names)),
        loss=functools.partial(_loss, head, box_weight),
        deploy=functools.partial(_deployed, head=head, names=names, options=options),
        score=functools.partial(_score, **how),
        comparable=_comparable,
        picture=functools.partial(_picture, names=told_apart(names)),
        show=functools.partial(_show, **how),
        words=functools.partial(_words, **how),
        class_names=names,
        options=options,
        shares=(*FIGURES, "AP", "AP50"),
        watched="mAP",
    )


TASK = detection


def _example(sample, *, count):
    from keras_vit.data.packed_boxes import packed_boxes

    return sample["image"], packed_boxes(sample, count)


def _loss(head, box_weight):
    if head == "tokens":
        from keras_vit.tasks.set_loss import SetPredictionLoss

        return SetPredictionLoss(l1_weight=box_weight, giou_weight=0.4 * box_weight)
    from keras_vit.tasks.dense_loss import DenseDetectionLoss

    return DenseDetectionLoss(box_weight=box_weight)


def _deployed(model, *, head, names, options):
    if head == "tokens":
        from keras_vit.tasks.token_detect import answering_with_boxes

        return answering_with_boxes(model, names, options=options)
    from keras_vit.tasks.deployed import answering
    from keras_vit.tasks.detect import PLACE, SIDES
    from keras_vit.tasks.suppress import SurestBoxes

    found = model.output_shape[-1] - PLACE - SIDES
    if found != len(names):
        raise UserError(f"The detector must have {len(names)} classes: it has {found}.")
    answers = SurestBoxes(model.input_shape[1:3], dtype="float32", name="surest")(model.output)
    return answering(model.input, answers, "detection", class_names=names, options=options)


def _score(pairs, *, names, threshold):
    from keras_vit.tasks.box_score import DetectionScore
    from keras_vit.tasks.voc_score import harmonic_mean

    pictures = [
        (_true(rows), each)
        for answers, truth in pairs
        for rows, each in zip(truth, _pictures(answers), strict=True)
    ]
    if not pictures:
        raise UserError("There is no image to answer.")
    score = DetectionScore.of(pictures, len(names))
    sure = [(truth, _above(answers, threshold)) for truth, answers in pictures]
    return Result(
        figures=score.figures,
        count=score.pictures,
        per_class={"AP": score.ap, "AP50": score.ap50, "boxes": score.boxes},
        each=np.array([harmonic_mean(*pair, len(names)) for pair in sure]),
        plots={"ap": lambda: class_figure(names, score.ap, "AP")},
    )


def _true(rows):
    """Reads the truth of a picture, `(M, 5)`."""
    from keras_vit.data.ignored_boxes import class_of, is_ignored

    labels = rows[:, 4].astype(np.int64)
    return {
        "boxes": rows[:, :4],
        "box_labels": class_of(labels),
        "ignored": is_ignored(labels),
    }


def _checked(answers):
    if missing := [name for name in ANSWERS if name not in answers]:
        raise UserError(
            f"A detection answers with {', '.join(ANSWERS)}: received {', '.join(answers)}, "
            f"without {missing[0]}."
        )
    return {name: np.asarray(answers[name]) for name in ANSWERS}


def _pictures(answers):
    """Lists the answers of a batch by picture."""
    answers = _checked(answers)
    places = range(len(answers["boxes"]))
    return [{name: answers[name][place] for name in ANSWERS} for place in places]


def _above(answers, threshold):
    """Sorts the answers of a picture, the surest first, without empty places and unsure boxes."""
    answers = _checked(answers)
    order = np.argsort(-answers["scores"], kind="stable")
    sure = (answers["classes"] >= 0) & (answers["scores"] >= threshold)
    return {name: array[order[sure[order]]] for name, array in answers.items()}


def _comparable(answers):
    """Adds up the boxes and classes of a picture, the cube of the score times: without an order.

    Rounding may swap two boxes of nearly one score, or drop one at the smallest score.
    """
    answers = _checked(answers)
    weights = answers["scores"].astype(float) ** 3 * (answers["classes"] >= 0)
    numbers = [answers["boxes"], answers["classes"][..., None], np.ones((*weights.shape, 1))]
    return {"boxes": np.einsum("bm,bms->bs", weights, np.concatenate(numbers, axis=-1))}


def _picture(image, rows, *, names):
    from keras_vit.tasks.box_picture import with_boxes

    rows = rows[rows[:, 4] >= 0]
    classes = rows[:, 4].astype(int)
    texts = [names[index] for index in classes]
    return np.asarray(with_boxes(image, rows[:, :4], classes, texts, len(names)))


def _show(image, answers, *, names, threshold):
    from keras_vit.tasks.box_picture import with_boxes

    sure = _above(answers, threshold)
    pairs = zip(sure["classes"], sure["scores"], strict=True)
    texts = [f"{names[index]} {score:.2f}" for index, score in pairs]
    return {"boxes": with_boxes(image, sure["boxes"], sure["classes"], texts, len(names))}


def _words(answers, *, names, threshold):
    """Lists the boxes, the surest first."""
    from keras_vit.tasks.palette import palette

    sure, colours = _above(answers, threshold), palette(len(names))
    return [
        {
            "name": names[index],
            "index": int(index),
            "colour": f"#{colours[index].tobytes().hex()}",
            "score": float(score),
            **dict(zip(("x_min", "y_min", "x_max", "y_max"), map(float, box), strict=True)),
        }
        for box, score, index in zip(*(sure[name] for name in ANSWERS), strict=True)
    ]
