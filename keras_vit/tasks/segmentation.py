"""The task of semantic segmentation: a class for each pixel."""

import functools

import numpy as np

from keras_vit.errors import UserError
from keras_vit.tasks.class_names import told_apart
from keras_vit.tasks.class_plot import class_figure
from keras_vit.tasks.mask_score import SegmentationScore
from keras_vit.tasks.palette import coloured, overlay, palette, palette_image
from keras_vit.tasks.result import Result
from keras_vit.tasks.task import Task


def segmentation(class_names, *, void=None, class_weights=None, size=None, enlarge=1.0):
    """Makes the task of semantic segmentation, judged by the mean IoU of one confusion matrix.

    Args:
        class_names: Names of the `K` classes in the order of their ids.
        void: The id in a mask of pixels that count nowhere, or `None`. Pixels outside of moved
            pictures have it too.
        class_weights: What a pixel of each class counts in the loss, `K` numbers; by default all
            count alike.
        size: Height and width of the images that the deployed model takes; by default those of the
            graph that trains. Larger ones are answered by windows that overlap.
        enlarge: Factor by which the deployed model enlarges its images before it answers them; or
            several, over whose answers it averages.

    Returns:
        A `Task`. The graph that trains maps images to logits `(B, H, W, K)`; it is deployed to
        answer with `mask` `(B, H, W)`, the id of each pixel.

    Raises:
        ValueError: If there is no class, `void` is the id of a class, or a factor is below 1.
    """
    names = tuple(class_names)
    if not names:
        raise UserError("Segmentation needs the names of its classes: received none.")
    if void is not None and 0 <= void < len(names):
        raise UserError(f"`void` must be no id of the {len(names)} classes: received {void}.")
    enlarge = tuple(enlarge) if isinstance(enlarge, list | tuple) else (enlarge,)
    if not enlarge or not all(1 <= factor < float("inf") for factor in enlarge):
        received = ", ".join(map(str, enlarge)) or "none"
        raise UserError(f"`enlarge` must lie in [1, inf): received {received}.")
    size = None if size is None else tuple(size)
    return Task(
        name="segmentation",
        needs=("mask",),
        example=functools.partial(_example, count=len(names), void=void),
        loss=functools.partial(_loss, void, class_weights),
        metrics=functools.partial(_metrics, len(names), void),
        watched="mean_iou",
        deploy=functools.partial(_deployed, names=names, void=void, size=size, enlarge=enlarge),
        score=functools.partial(_score, names=told_apart(names), void=void),
        decide=_mask_of,
        picture=functools.partial(_picture, count=len(names)),
        show=functools.partial(_show, count=len(names)),
        words=functools.partial(_areas, names=told_apart(names)),
        class_names=names,
        options={} if void is None else {"void": void},
        shares=("mean_iou", "pixel_accuracy", "class_accuracy", "iou", "accuracy"),
    )


TASK = segmentation


def _example(sample, *, count, void):
    from keras_vit.data.labels import in_range

    return sample["image"], in_range(sample["mask"], count, void)


def _mask_of(answers):
    if "mask" not in answers:
        raise UserError(f"A segmentation answers with `mask`: received {', '.join(answers)}.")
    return answers["mask"]


def _loss(void, class_weights):
    from keras_vit.losses import ValidCrossEntropy

    return ValidCrossEntropy(ignore_class=void, class_weights=class_weights)


def _metrics(count, void):
    import keras

    iou = keras.metrics.MeanIoU(count, ignore_class=void, sparse_y_pred=False, name="mean_iou")
    return [iou]


def _deployed(model, *, names, void, size, enlarge):
    import keras

    from keras_vit.tasks.deployed import answering
    from keras_vit.tasks.windows import windowed

    whole = tuple(model.input_shape[1:3])
    if (size or whole, enlarge) != (whole, (1,)):
        model = windowed(model, size or whole, enlarge)
    # `argmax` would be a Flex operator of LiteRT.
    mask = keras.ops.top_k(model.output, 1)[1][..., 0]
    options = {} if void is None else {"void": void}
    answers = {"mask": mask}
    return answering(model.input, answers, "segmentation", class_names=names, options=options)


def _score(pairs, *, names, void):
    masks = (
        both for answers, truth in pairs for both in zip(truth, _mask_of(answers), strict=True)
    )
    score = SegmentationScore.of(masks, len(names), void=void)
    if not len(score.pictures):
        raise UserError("There is no image to answer.")
    return Result(
        figures=score.figures,
        count=len(score.pictures),
        per_class={"iou": score.iou, "accuracy": score.class_accuracy, "pixels": score.pixels},
        each=score.each,
        confusion=score.confused,
        figures_of=score.figures_of,
        plots={"iou": lambda: class_figure(names, score.iou, "IoU")},
    )


def _picture(image, mask, *, count):
    return overlay(image, coloured(mask, count))


def _show(image, answers, *, count):
    from PIL import Image

    mask = _mask_of(answers)
    drawn = Image.fromarray(overlay(image, coloured(mask, count)))
    return {"overlay": drawn, "mask": palette_image(mask, count)}


def _areas(answers, *, names):
    """Lists the classes that are seen, the largest area first."""
    counts = np.bincount(_mask_of(answers).ravel(), minlength=len(names))
    colours = palette(len(names))
    return [
        {
            "name": names[index],
            "index": int(index),
            "colour": f"#{colours[index].tobytes().hex()}",
            "area": float(counts[index] / counts.sum()),
        }
        for index in np.argsort(-counts, kind="stable")
        if counts[index]
    ]
