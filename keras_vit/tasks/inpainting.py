"""The task of inpainting: holes in pictures, filled from what is around them."""

import numpy as np

from keras_vit.errors import UserError
from keras_vit.images.fill import fill_in_windows
from keras_vit.images.holes import colours, missing_in, outlined
from keras_vit.tasks.restore_score import LEAST_ERROR, RestorationScore
from keras_vit.tasks.restored import (
    as_given,
    drawn,
    image_of,
    result_of,
    size_in_words,
    true_and_restored,
)
from keras_vit.tasks.simple_fills import BASELINES
from keras_vit.tasks.task import Task


def inpainting():
    """Makes the task of inpainting, judged by the PSNR of brightness in the holes, in decibels.

    Images have one more channel than pictures, alpha: 255 where pixels are known, 0 where they are
    missing. Holes are drawn from the keys of the examples, so that those of an evaluation depend
    only on the place of a picture in its split. Truth is `(B, H, W, C+1)`, the whole picture and
    the same alpha; loss and figures are those of missing pixels.

    A picture of any size is filled by `keras_vit.images.fill.fill_in_windows`.

    Returns:
        A `Task`. The graph that trains is that of `keras_vit.tasks.inpainter`; it is deployed to
        answer with `image` `(B, H, W, C)`, float32, from 0 to 255, whose known pixels are those of
        the image.
    """
    return Task(
        name="inpainting",
        alpha=True,
        example=_example,
        whole=_whole,
        loss=_loss,
        metrics=_metrics,
        deploy=_deployed,
        score=_score,
        baselines=BASELINES,
        picture=_picture,
        show=_show,
        words=_words,
    )


def TASK(class_names):  # noqa: N802 - the name by which `task_named` finds it
    """Makes the task of an export; there are no classes."""
    return inpainting()


def _example(sample):
    from keras_vit.data.holes import with_holes

    return with_holes(sample)


_example.draws = True


def _whole(answer, shape, picture):
    *size, channels = shape
    given, wanted = picture.shape[2] - 1, channels - 1
    if given > wanted:
        raise UserError(f"The model fills pictures of {wanted} channel: received {given}.")
    pixels = np.repeat(colours(picture), wanted // given, axis=2)
    filled = fill_in_windows(
        lambda images: _image_of(answer(images)), pixels, missing_in(picture), size=size
    )
    return {"image": as_given(filled, given)}


def _image_of(answers):
    return image_of(answers, "Inpainting")


def _loss():
    from keras_vit.tasks.hole_loss import HoleLoss

    return HoleLoss()


def _metrics():
    import keras

    return [keras.metrics.MeanMetricWrapper(_decibels, name="psnr_rgb")]


def _decibels(truth, answers):
    """Returns the PSNR of the missing pixels of each image, `(B,)`."""
    from keras import ops

    from keras_vit.tasks.hole_loss import split

    truth, missing = split(truth, "float32")
    error = ops.mean(ops.square(truth - ops.cast(answers, "float32")), axis=-1)
    count = ops.maximum(ops.sum(missing, axis=(1, 2)), 1)
    error = ops.sum(error * missing, axis=(1, 2)) / count
    return 10 * ops.log10(255.0**2 / ops.maximum(error, LEAST_ERROR))


def _deployed(model):
    from keras import ops

    from keras_vit.tasks.deployed import answering

    return answering(model.input, {"image": ops.clip(model.output, 0.0, 255.0)}, "inpainting")


def _score(pairs):
    pictures = true_and_restored(pairs, "Inpainting")
    holes = ((colours(true), each, missing_in(true)) for true, each in pictures)
    return result_of(RestorationScore.of_holes(holes))


def _picture(image, truth):
    return outlined(np.broadcast_to(colours(truth), (*truth.shape[:2], 3)), missing_in(truth))


def _show(image, answers):
    return drawn(_image_of(answers), "filled")


def _words(answers):
    return size_in_words(_image_of(answers))
