"""Makes stages of samples from stages of images."""

import functools
from collections.abc import Callable

import tensorflow as tf

from keras_vit.data.augment.move import Geometry
from keras_vit.errors import UserError

Stage = Callable[..., tf.Tensor | dict[str, tf.Tensor]]


def photometric(stage: Stage) -> Stage:
    """Lets a stage that moves no pixel take dicts of samples, of which it changes only the images.

    Args:
        stage: A function of images `(B, H, W, C)` and keys `(B,)`, and of options by keyword.

    Returns:
        A function that takes images as before, or a dict with `image`, or with a `clip`, all of
        whose frames it changes alike.
    """

    @functools.wraps(stage)
    def of_samples(sample, keys, **options):
        if isinstance(sample, Geometry):
            raise UserError(f"`as_one` takes stages that move: received {stage.__name__}.")
        if not isinstance(sample, dict):
            return stage(sample, keys, **options)
        if "image" in sample:
            return sample | {"image": stage(sample["image"], keys, **options)}
        clip = tf.convert_to_tensor(sample["clip"])
        frames = tf.reshape(clip, (-1, *clip.shape[2:]))
        changed = stage(frames, tf.repeat(keys, clip.shape[1], axis=0), **options)
        return sample | {"clip": tf.reshape(changed, tf.shape(clip))}

    return of_samples


def image_only(stage: Stage) -> Stage:
    """Lets a stage that may move pixels take dicts of samples in which nothing moves with them.

    Args:
        stage: A function of images `(B, H, W, C)` and keys `(B,)`, and of options by keyword.

    Returns:
        A function that takes what one of `photometric` takes; it raises a `UserError` for a dict
        with `mask`, `boxes` or `target`, which would no longer fit the image.
    """
    changed = photometric(stage)

    @functools.wraps(stage)
    def of_samples(sample, keys, **options):
        fit = ("mask", "boxes", "target")
        left = [name for name in fit if isinstance(sample, dict) and name in sample]
        if left:
            raise UserError(
                f"{stage.__name__} moves pixels of images only: received samples with "
                f"{' and '.join(left)}."
            )
        return changed(sample, keys, **options)

    of_samples.image_only = True
    return of_samples


def keeps_annotations(stage: Stage):
    """Returns whether a stage takes samples with masks, boxes and targets.

    Args:
        stage: A stage, or a `functools.partial` of one.

    Returns:
        False for one of `image_only`.
    """
    while isinstance(stage, functools.partial):
        stage = stage.func
    return not getattr(stage, "image_only", False)
