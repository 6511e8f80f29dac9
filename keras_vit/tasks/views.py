"""The tasks that learn only from views of pictures: LeJEPA, and DINO with its teacher."""

import dataclasses
import functools
import itertools

import numpy as np

from keras_vit.errors import UserError
from keras_vit.images.holes import colours
from keras_vit.tasks.embedding import FEATURES, embedding
from keras_vit.tasks.result import Result
from keras_vit.tasks.spread import spread_of


def lejepa(sheet, *, width, together, share=0.02, **crops):
    """Makes the task of views that agree while their embeddings stay a standard Gaussian.

    "LeJEPA" (arXiv:2511.08544). The graph that trains is that of
    `keras_vit.tasks.sketched_views`; deployed, it answers images with `features` `(B, D)`.

    Args:
        sheet: Number and sizes of the views, a `keras_vit.images.view_sheet.ViewSheet`.
        width: Numbers of an embedding, as the graph has them.
        together: Pictures whose embeddings are compared with a Gaussian, see
            `keras_vit.tasks.sigreg.SIGRegLoss`.
        share: What this counts in the loss, from 0 to 1.
        **crops: `area`, `small_area` and `colours` of `keras_vit.data.augment.view_sheet`.

    Returns:
        A `Task`.

    Raises:
        ValueError: If a number is out of its range.
    """
    how = dict(width=width, count=sheet.count, share=share, together=together)
    make_loss = functools.partial(_sigreg, **how)
    make_loss()  # a number out of its range is said now
    return _by_views(
        sheet,
        crops,
        loss=make_loss,
        metrics=functools.partial(_sigreg_metrics, width, sheet.count),
        after_update=_redraw,
    )


def dino(
    sheet,
    *,
    prototypes,
    steps,
    momentum=0.996,
    temperatures=(0.04, 0.04),
    warmup_steps=0,
    frozen_steps=0,
    **crops,
):
    """Makes the task of a student that learns what its own average answers to other views.

    "Emerging Properties in Self-Supervised Vision Transformers" (arXiv:2104.14294). The graph that
    trains is that of `keras_vit.tasks.self_distilled_views`; deployed, its teacher answers images
    with `features` `(B, D)`.

    Args:
        sheet: Number and sizes of the views, a `keras_vit.images.view_sheet.ViewSheet`.
        prototypes: Numbers of an answer, as the graph has them.
        steps: Steps of the whole training.
        momentum: How much of the teacher stays in the first step; it rises to 1 by a cosine.
        temperatures: The teacher's at first, as the graph has it, and after its warm-up.
        warmup_steps: Steps in which it rises linearly.
        frozen_steps: First steps, in which the last layer of the head does not learn; above 0, the
            graph is built with `frozen`.
        **crops: `area`, `small_area` and `colours` of `keras_vit.data.augment.view_sheet`.

    Returns:
        A `Task`.

    Raises:
        ValueError: If a number is out of its range.
    """
    if not 0 <= momentum <= 1 or not min(temperatures) > 0:
        raise UserError(
            "`momentum` must lie in [0, 1] and `temperatures` above 0: received "
            f"momentum={momentum}, temperatures={temperatures}."
        )
    schedule = dict(steps=steps, momentum=momentum, temperatures=temperatures)
    schedule |= dict(warmup_steps=warmup_steps, frozen_steps=frozen_steps)
    return _by_views(
        sheet,
        crops,
        loss=functools.partial(_dino, count=sheet.count),
        metrics=functools.partial(_dino_metrics, sheet.count, prototypes),
        watched="information",
        after_update=functools.partial(_follow, **schedule),
    )


def _by_views(sheet, crops, **fields):
    """Returns the task of features, of what is deployed, with views as what trains."""
    return dataclasses.replace(
        embedding(),
        example=_viewing(sheet, crops),
        trained_on=_views_only,
        panels=_panels,
        deploy=_deployed,
        score=_score,
        **fields,
    )


def _viewing(sheet, crops):
    def example(sample):
        from keras_vit.data.augment import view_sheet

        return sample["image"], view_sheet(sample["image"], sample["key"], sheet=sheet, **crops)

    example.draws = True
    return example


def _views_only(images, views):
    return views, views[:, 0, 0, 0]  # the losses read no target


def _sigreg(**how):
    from keras_vit.tasks.sigreg import SIGRegLoss

    return SIGRegLoss(**how)


def _sigreg_metrics(width, count):
    from keras_vit.tasks.collapse import Prediction, Spread

    return [Prediction(width, count), Spread(width)]


def _dino(**how):
    from keras_vit.tasks.dino_loss import DinoLoss

    return DinoLoss(**how)


def _dino_metrics(count, prototypes):
    from keras_vit.tasks.collapse import Information, TeacherEntropy

    return [TeacherEntropy(count), Information(count, prototypes)]


def _follow(model, **schedule):
    from keras_vit.tasks.self_taught import follow

    follow(model, **schedule)


def _redraw(model):
    model.get_layer("sketch").redraw()


def _deployed(model):
    from keras_vit.tasks.deployed import EMBEDDING, answering
    from keras_vit.tasks.view_model import backbone_of

    backbone = backbone_of(model)
    return answering(backbone.input, {FEATURES: backbone.output}, EMBEDDING)


def _score(pairs):
    """Scores exports by the answers of their model, and a run, which has views, by its features."""
    pairs = iter(pairs)
    first = next(pairs, None)
    if first is None:
        raise UserError("There is no image to answer.")
    pairs = itertools.chain([first], pairs)
    if isinstance(first[1], dict):
        return embedding().score(pairs)
    features = np.concatenate([answers[FEATURES] for answers, _ in pairs])
    return Result(spread_of(features), count=len(features))


def _panels(image, views, answers):
    both = np.concatenate([np.asarray(each, "uint8") for each in (image, views)], axis=1)
    return {"picture and views": colours(both)}
