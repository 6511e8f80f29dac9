"""Turns operations on images into branches of a policy, such as those of RandAugment.

A `Branch` takes images `(B, H, W, C)`, strengths `(B,)` (from 0, mostly up to 1) and signs `(B,)`
(-1 or 1), and returns images. Each function here makes one of an operation, which takes images and,
except in `plain`, an amount for each image.
"""

from collections.abc import Callable

import tensorflow as tf

MIDDLE_GREY = 128  # what policies show outside the image, as in the code of the papers' authors

Branch = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


def plain(change: Callable[[tf.Tensor], tf.Tensor]) -> Branch:
    """Makes a branch of an operation without an amount.

    Args:
        change: The operation.

    Returns:
        A branch that ignores strengths and signs.
    """
    return lambda images, strengths, signs: change(images)


def growing(
    change: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    amount: Callable[[tf.Tensor], tf.Tensor],
) -> Branch:
    """Makes a branch whose amounts are computed from the strengths.

    Args:
        change: The operation.
        amount: Turns strengths `(B,)` into amounts `(B,)`.

    Returns:
        A branch that ignores signs.
    """
    return lambda images, strengths, signs: change(images, amount(strengths))


def either_way(change: Callable[..., tf.Tensor], bound) -> Branch:
    """Makes a branch with amounts from `-bound` to `bound`, and with grey outside the image.

    Args:
        change: The operation, which takes the value outside the image as `fill`.
        bound: Amount at strength 1.

    Returns:
        A branch.
    """
    return lambda images, strengths, signs: change(
        images, bound * strengths * signs, fill=MIDDLE_GREY
    )


def shifted(change: Callable[..., tf.Tensor], axis, share) -> Branch:
    """Makes a branch that shifts images both ways, with grey outside the image.

    Args:
        change: The shift, which takes pixels, and the value outside the image as `fill`.
        axis: Axis of the batch along which it shifts, 1 or 2.
        share: Shift at strength 1, as a share of the image's side.

    Returns:
        A branch.
    """
    return lambda images, strengths, signs: change(
        images, share * images.shape[axis] * strengths * signs, fill=MIDDLE_GREY
    )


def around_one(change: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], bound) -> Branch:
    """Makes a branch with factors from `1 - bound` to `1 + bound`, but at least 0.01.

    Args:
        change: The operation.
        bound: Distance of the factor from 1 at strength 1.

    Returns:
        A branch.
    """
    return lambda images, strengths, signs: change(
        images, tf.maximum(1 + bound * strengths * signs, 0.01)
    )


def random_signs(draws):
    """Turns uniform numbers in `[0, 1)` into signs, -1 or 1 with probability one half each.

    Args:
        draws: float32, any shape.

    Returns:
        float32, the same shape.
    """
    return 1 - 2 * tf.floor(2 * draws)
