"""The task of super-resolution: a picture, several times as large."""

import functools
from fractions import Fraction

import numpy as np

from keras_vit.errors import UserError
from keras_vit.images.bicubic import REACH, bicubic, to_uint8
from keras_vit.images.tiles import enlarge_in_tiles
from keras_vit.tasks.enlarged_panels import enlarged_panels
from keras_vit.tasks.restore_score import LEAST_ERROR, WINDOW, RestorationScore
from keras_vit.tasks.restored import (
    as_given,
    drawn,
    image_of,
    result_of,
    size_in_words,
    true_and_restored,
)
from keras_vit.tasks.task import Task

LARGEST_MARGIN = 8  # pixels at the edge of a tile whose answers are dropped


def super_resolution(scale):
    """Makes the task of super-resolution, judged by the PSNR of brightness, in decibels.

    Samples are large pictures; the task makes the small ones, by MATLAB's antialiased bicubic. In
    training and between epochs it takes crops, and cuts off the `scale * REACH` pixels at their
    border. Whole pictures are enlarged tile by tile, and scored as publications do: cropped at the
    bottom and at the right to a multiple of the scale, without `scale` pixels at each border.

    Args:
        scale: By how much the sides of a picture grow, an integer from 2.

    Returns:
        A `Task`. The graph that trains is that of `keras_vit.tasks.enlarger`; it is deployed to
        answer with `image` `(B, scale*h, scale*w, C)`, float32, from 0 to 255.

    Raises:
        ValueError: If `scale` is no integer from 2.
    """
    if isinstance(scale, bool) or int(scale) != scale or scale < 2:
        raise UserError(f"`scale` must be an integer from 2: received scale={scale}.")
    how = dict(scale=int(scale))
    return Task(
        name="super_resolution",
        example=functools.partial(_example, **how),
        sample_size=functools.partial(_sample_size, **how),
        whole=functools.partial(_whole, **how),
        whole_example=functools.partial(_whole_example, **how),
        loss=_loss,
        metrics=_metrics,
        deploy=functools.partial(_deployed, **how),
        score=functools.partial(_score, **how),
        baselines={"bicubic": functools.partial(_bicubic, **how)},
        show=functools.partial(_show, **how),
        panels=functools.partial(_panels, **how),
        words=_words,
        options=how,
    )


def TASK(class_names, *, scale):  # noqa: N802 - the name by which `task_named` finds it
    """Makes the task of an export; there are no classes."""
    return super_resolution(scale)


def _example(sample, *, scale):
    from keras_vit.data.pairs import pairs

    return pairs(sample, scale=scale, margin=REACH)


def _sample_size(size, *, scale):
    return tuple(scale * (side + 2 * REACH) for side in size)


def _whole_example(picture, *, scale):
    height, width = (side // scale * scale for side in picture.shape[:2])
    if min(height, width) < WINDOW + 2 * scale:
        raise UserError(
            f"A truth must have {WINDOW + 2 * scale} pixels on each side to be scored: "
            f"received {picture.shape[0]}x{picture.shape[1]}."
        )
    truth = picture[:height, :width]
    return bicubic(truth, Fraction(1, scale)), truth


def _whole(answer, shape, picture, *, scale):
    *tile, channels = shape
    given = picture.shape[2]
    if given > channels:
        raise UserError(f"The model enlarges pictures of {channels} channel: received {given}.")
    large = enlarge_in_tiles(
        lambda tiles: _image_of(answer(tiles)),
        np.repeat(picture, channels // given, axis=2),
        tile=tile,
        scale=scale,
        margin=min(LARGEST_MARGIN, (min(tile) - 1) // 4),
    )
    return {"image": as_given(large, given)}


def _image_of(answers):
    return image_of(answers, "Super-resolution")


def _loss():
    import keras

    return keras.losses.MeanAbsoluteError()


def _metrics():
    import keras

    return [keras.metrics.MeanMetricWrapper(_decibels, name="psnr_rgb")]


def _decibels(truth, answers):
    """Returns the PSNR of each image `(B,)`, of all its pixels."""
    from keras import ops

    error = ops.cast(truth, "float32") - ops.cast(answers, "float32")
    error = ops.mean(ops.square(error), axis=(1, 2, 3))
    return 10 * ops.log10(255.0**2 / ops.maximum(error, LEAST_ERROR))


def _deployed(model, *, scale):
    from keras import ops

    from keras_vit.tasks.deployed import answering

    (height, width), large = model.input_shape[1:3], model.output_shape[1:3]
    if large != (scale * height, scale * width):
        raise UserError(
            f"The model must enlarge {scale} times: it answers {height}x{width} pixels with "
            f"{large[0]}x{large[1]}."
        )
    options = {"scale": scale}
    image = ops.clip(model.output, 0.0, 255.0)
    return answering(model.input, {"image": image}, "super_resolution", options=options)


def _score(pairs, *, scale):
    pictures = true_and_restored(pairs, "Super-resolution")
    return result_of(RestorationScore.of(pictures, border=scale))


def _bicubic(images, *, scale):
    return {"image": bicubic(images, scale)}


def _panels(image, truth, answers, *, scale):
    return enlarged_panels(image, truth, to_uint8(_image_of(answers)), scale=scale)


def _show(image, answers, *, scale):
    return drawn(_image_of(answers), f"x{scale}")


def _words(answers):
    return size_in_words(_image_of(answers))
