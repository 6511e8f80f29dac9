"""The task of a masked autoencoder: patches that are not seen, written from those that are."""

import functools

import numpy as np

from keras_vit.errors import UserError
from keras_vit.images.holes import colours
from keras_vit.tasks.result import Result
from keras_vit.tasks.task import Task

EPSILON = 1e-6  # added to the variance of a patch, on the scale of pixels from 0 to 1
GREY = 128
LEAST_ERROR = 1e-10  # of a patch that is written exactly


def reconstruction(patch_size, *, absolute=False):
    """Makes the task of a masked autoencoder, judged by the PSNR of masked patches, in decibels.

    Truth is the image itself, `(B, H, W, C)`. An autoencoder writes patches without their mean and
    contrast, which are taken from the truth to draw and to score them, as its paper does.

    Args:
        patch_size: Side of a patch in pixels.
        absolute: As `keras_vit.tasks.patch_loss.PatchLoss` takes it.

    Returns:
        A `Task`. The graph that trains is that of `keras_vit.tasks.masked_autoencoder`; it is
        deployed to answer with `patches` `(B, N, P*P*C)`, normed, and `masked` `(B, N)`, 1 or 0.
    """
    restored = functools.partial(_restored, patch_size=patch_size)
    return Task(
        name="reconstruction",
        example=_example,
        loss=functools.partial(_loss, patch_size, absolute=absolute),
        deploy=functools.partial(_deployed, patch_size=patch_size),
        score=functools.partial(_score, restored=restored),
        panels=functools.partial(_panels, restored=restored),
        words=_words,
        options={"patch_size": patch_size},
    )


def TASK(class_names, *, patch_size):  # noqa: N802 - the name by which `task_named` finds it
    """Makes the task of an export; there are no classes."""
    return reconstruction(patch_size)


def _example(sample):
    return sample["image"], sample["image"]


def _loss(patch_size, *, absolute):
    from keras_vit.tasks.patch_loss import PatchLoss

    return PatchLoss(patch_size, absolute=absolute)


def _deployed(model, *, patch_size):
    from keras_vit.tasks.deployed import answering

    answers = {"patches": model.output[..., :-1], "masked": model.output[..., -1]}
    return answering(model.input, answers, "reconstruction", options={"patch_size": patch_size})


def _restored(image, patches, masked, *, patch_size):
    """Returns an image `(H, W, C)` whose masked patches are as written, and where they are."""
    height, width, channels = image.shape
    rows, columns, side = height // patch_size, width // patch_size, patch_size
    pixels = image.astype("float32") / 255
    own = pixels.reshape(rows, side, columns, side, channels).transpose(0, 2, 1, 3, 4)
    flat = own.reshape(rows * columns, -1)
    mean = flat.mean(-1, keepdims=True)
    written = patches * np.sqrt(flat.var(-1, keepdims=True) + EPSILON) + mean

    def whole(each):
        each = each.reshape(rows, columns, side, side, channels).transpose(0, 2, 1, 3, 4)
        return each.reshape(height, width, channels)

    hidden = masked[:, None] > 0.5
    places = whole(np.broadcast_to(hidden, flat.shape))
    return 255 * whole(np.where(hidden, written, flat)), places


def _score(pairs, *, restored):
    errors = []
    for answers, images in pairs:
        for image, patches, masked in zip(
            images, answers["patches"], answers["masked"], strict=True
        ):
            found, places = restored(np.asarray(image), patches, masked)
            off = np.clip(found, 0, 255)[places] - np.asarray(image, "float32")[places]
            errors.append(np.mean(np.square(off)))
    if not errors:
        raise UserError("There is no image to answer.")
    decibels = 10 * np.log10(255**2 / np.maximum(errors, LEAST_ERROR))
    return Result({"psnr": float(decibels.mean())}, count=len(errors), each=decibels)


def _panels(image, truth, answers, *, restored):
    found, places = restored(truth, answers["patches"], answers["masked"])
    seen = np.where(places, GREY, truth)
    panels = {"picture": truth, "what is seen": seen, "written": np.clip(found, 0, 255)}
    return {name: colours(each.astype("uint8")) for name, each in panels.items()}


def _words(answers):
    masked = int(np.sum(answers["masked"] > 0.5))
    return [{"name": "masked patches", "count": masked}]
