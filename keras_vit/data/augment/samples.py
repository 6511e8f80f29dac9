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
        A function that takes images as before, or a dict with `image`.
    """

    @functools.wraps(stage)
    def of_samples(sample, keys, **options):
        if isinstance(sample, Geometry):
            raise UserError(f"`as_one` takes stages that move: received {stage.__name__}.")
        if not isinstance(sample, dict):
            return stage(sample, keys, **options)
        return sample | {"image": stage(sample["image"], keys, **options)}

    return of_samples


def image_only(stage: Stage) -> Stage:
    """Lets a stage that may move pixels take dicts of samples that have neither masks nor boxes.

    Args:
        stage: A function of images `(B, H, W, C)` and keys `(B,)`, and of options by keyword.

    Returns:
        A function that takes images as before, or a dict with `image`; it raises a `UserError` for
        one with `mask` or `boxes`, which would no longer fit the image.
    """
    changed = photometric(stage)

    @functools.wraps(stage)
    def of_samples(sample, keys, **options):
        left = [name for name in ("mask", "boxes") if isinstance(sample, dict) and name in sample]
        if left:
            raise UserError(
                f"{stage.__name__} moves pixels of images only: received samples with "
                f"{' and '.join(left)}."
            )
        return changed(sample, keys, **options)

    return of_samples
