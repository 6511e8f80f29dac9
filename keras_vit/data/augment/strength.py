"""From a strength and a sign per image to an operation's amount: the rows of the policies' tables.

A policy's branch is a function of images `(B, H, W, C)`, strengths `(B,)` (0 to 1 and beyond) and
signs `(B,)` (-1 or 1). Each function here makes one of an operation.
"""

import tensorflow as tf

MIDDLE_GREY = 128  # what policies show outside the image; the papers' codes do


def plain(change):
    """An operation without an amount."""
    return lambda images, strengths, signs: change(images)


def growing(change, amount):
    """The amount is a function of the strength."""
    return lambda images, strengths, signs: change(images, amount(strengths))


def either_way(change, bound):
    """Amounts up to `bound` or `-bound`, with grey outside the image."""
    return lambda images, strengths, signs: change(
        images, bound * strengths * signs, fill=MIDDLE_GREY
    )


def shifted(change, axis, share):
    """Like `either_way`; the bound is a share of the image's side along `axis`."""
    return lambda images, strengths, signs: change(
        images, share * images.shape[axis] * strengths * signs, fill=MIDDLE_GREY
    )


def around_one(change, bound):
    """Factors that go away from 1 either way by up to `bound`, never below 0.01."""
    return lambda images, strengths, signs: change(
        images, tf.maximum(1 + bound * strengths * signs, 0.01)
    )


def random_signs(draws):
    """Turns uniform numbers into -1 and 1 with probability one half each, of the same shape."""
    return 1 - 2 * tf.floor(2 * draws)
