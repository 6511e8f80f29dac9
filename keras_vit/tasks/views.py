"""The tasks that learn only from views of pictures: LeJEPA, and DINO with its teacher."""

import dataclasses
import functools

import numpy as np

from keras_vit.errors import UserError
from keras_vit.images.holes import colours
from keras_vit.tasks.result import Result
from keras_vit.tasks.task import Task


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
    return dataclasses.replace(
        TASK(),
        example=_viewing(sheet, crops),
        trained_on=_views_only,
        loss=functools.partial(_sigreg, **how),
        metrics=functools.partial(_sigreg_metrics, width, sheet.count),
        after_update=_redraw,
    )


def TASK(class_names=()):  # noqa: N802 - the name by which `task_named` finds it
    """Makes the task of an export, which answers with features; there are no classes."""
    return Task(
        name="views",
        example=_image,
        loss=_no_loss,
        deploy=_deployed,
        score=_score,
        panels=_panels,
        words=_words,
    )


def _viewing(sheet, crops):
    def example(sample):
        from keras_vit.data.augment import view_sheet

        return sample["image"], view_sheet(sample["image"], sample["key"], sheet=sheet, **crops)

    example.draws = True
    return example


def _views_only(images, views):
    return views, views[:, 0, 0, 0]  # the losses read no target


def _image(sample):
    return sample["image"], sample["image"]


def _no_loss():
    raise UserError("The task of an export of features cannot be trained.")


def _sigreg(**how):
    from keras_vit.tasks.sigreg import SIGRegLoss

    return SIGRegLoss(**how)


def _sigreg_metrics(width, count):
    from keras_vit.tasks.collapse import Prediction, Spread

    return [Prediction(width, count), Spread(width)]


def _redraw(model):
    model.get_layer("sketch").redraw()


def _deployed(model):
    from keras_vit.tasks.deployed import answering
    from keras_vit.tasks.view_model import backbone_of

    backbone = backbone_of(model)
    return answering(backbone.input, {"features": backbone.output}, "views")


def _score(pairs):
    features = [answers["features"] for answers, _ in pairs]
    if not features:
        raise UserError("There is no image to answer.")
    features = np.concatenate(features)
    return Result(spread_of(features), count=len(features))


def spread_of(features):
    """Measures how far features `(N, D)` are from being all alike.

    Args:
        features: The features of pictures.

    Returns:
        Two numbers by name: `effective_rank`, the exponential of the entropy of the shares of the
        variance along its principal axes, from 1 to `D` ("The effective rank", Roy and Vetterli,
        2007, of the covariance); and `feature_spread`, the standard deviation of a number of the
        features of length one, divided by `1/sqrt(D)`: 0 where all are alike, and about 1 where
        they are spread evenly.
    """
    unit = np.asarray(features, "float64")
    unit = unit / np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
    spread = np.sqrt(unit.var(axis=0).sum())
    centred = features - np.mean(features, axis=0, dtype="float64")
    variances = np.linalg.svd(centred, compute_uv=False) ** 2
    shares = variances[variances > 0] / max(variances.sum(), 1e-30)
    rank = np.exp(-np.sum(shares * np.log(shares)))
    return {"effective_rank": float(rank), "feature_spread": float(spread)}


def _panels(image, truth, answers):
    panels = {"picture": image, "views": truth}
    return {name: colours(np.asarray(each, "uint8")) for name, each in panels.items()}


def _words(answers):
    return [{"name": "features", "count": int(answers["features"].shape[-1])}]
