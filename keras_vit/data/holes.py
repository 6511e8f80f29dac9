"""Holes in pictures, boxes and free strokes: what a model that inpaints must fill."""

import numpy as np
import tensorflow as tf

from keras_vit.data.augment.keys import fold, uniform
from keras_vit.data.augment.rectangle import paste
from keras_vit.errors import UserError

HIDDEN = 128  # what missing pixels are in an image, for people
BOX = (1 / 6, 1 / 2)  # sides of a box, as shares of the picture's
STROKES, SEGMENTS = 4, 5  # at most, in a picture and in a stroke
LENGTH = (1 / 16, 1 / 4)  # of a segment, as a share of the picture's shorter side
WIDTH = (1 / 32, 1 / 8)  # of a stroke, likewise; at least 2 pixels
TURNS = 32  # directions of a segment; the next one differs by at most an eighth of a turn


def with_holes(sample):
    """Turns a batch of samples into images with holes and what is true of them.

    Args:
        sample: A dict with images `(B, H, W, C)`, uint8, of a fixed size, and the key of each
            example, uint64 `(B,)`, from which its hole is drawn.

    Returns:
        Images and truth `(B, H, W, C+1)`, uint8. The last channel of both is alpha: 255 where
        pixels are known and 0 where they are missing; there, the images have `HIDDEN`.

    Raises:
        ValueError: If the samples have no `key`, or their size is not known.
    """
    if "key" not in sample:
        raise UserError(
            "Holes are drawn from the `key` of each sample: received samples with "
            f"{', '.join(sample)}."
        )
    whole = tf.convert_to_tensor(sample["image"])
    size = tuple(whole.shape[1:3])
    if None in size:
        raise UserError("Holes need images of one size, from a crop: received images of any size.")
    missing = random_holes(sample["key"], size)[..., None]
    alpha = tf.where(missing, tf.constant(0, tf.uint8), tf.constant(255, tf.uint8))
    images = tf.where(missing, tf.constant(HIDDEN, tf.uint8), whole)
    return tuple(tf.concat([each, alpha], axis=-1) for each in (images, whole))


with_holes.draws = True


def random_holes(keys, size):
    """Draws a hole for each key: a box, or strokes as of a brush, with the same probability.

    Strokes follow "Free-Form Image Inpainting with Gated Convolution" (arXiv:1806.03589, algorithm
    1): lines that turn at random and end in circles. A hole has at least one pixel, and leaves more
    than half of the picture.

    Args:
        keys: One per picture, uint64 `(B,)`; a hole depends on nothing else.
        size: Height and width of the pictures in pixels.

    Returns:
        Booleans `(B, H, W)`, true where pixels are missing.
    """
    is_box = uniform(fold(keys, 0), 1)[:, 0, None, None] < 0.5
    return tf.where(is_box, _boxes(fold(keys, 1), size), _strokes(fold(keys, 2), size))


def _boxes(keys, size):
    draws = uniform(keys, 4)
    edges = []
    for axis, side in enumerate(size):
        length = BOX[0] + (BOX[1] - BOX[0]) * draws[:, axis]
        length = tf.maximum(1, tf.cast(length * side, tf.int32))
        room = tf.cast(side - length + 1, tf.float32)
        first = tf.cast(draws[:, 2 + axis] * room, tf.int32)
        edges += [first, first + length]
    nothing = tf.zeros((tf.shape(keys)[0], *size, 1), tf.uint8)
    return paste(nothing, nothing + 1, *edges)[..., 0] > 0


def _strokes(keys, size):
    short, count = min(size), STROKES * SEGMENTS
    draws = uniform(keys, 1 + 4 * STROKES + 2 * count)
    number, wide, top, left, way, length, turn = tf.split(
        draws, [1, *4 * [STROKES], count, count], axis=1
    )
    radius = tf.maximum(1.0, short / 2 * _between(WIDTH, wide))
    # Strokes beyond the number, from 1 to `STROKES`, cover nothing.
    radius = tf.where(tf.range(STROKES, dtype=tf.float32) <= STROKES * number, radius, -1.0)
    turn = tf.cast(turn * (TURNS // 4 + 1), tf.int32) - TURNS // 8
    way = tf.cast(way * TURNS, tf.int32)[..., None] + tf.cumsum(_by_stroke(turn), axis=2)
    angles = 2 * np.pi * np.arange(TURNS) / TURNS
    ways = tf.constant(np.stack([np.sin(angles), np.cos(angles)], 1), tf.float32)
    down, right = tf.unstack(tf.gather(ways, way % TURNS), axis=-1)  # B strokes segments
    length = short * _between(LENGTH, _by_stroke(length))
    row = size[0] * top[..., None] + tf.cumsum(length * down, axis=2, exclusive=True)
    column = size[1] * left[..., None] + tf.cumsum(length * right, axis=2, exclusive=True)
    radius = tf.repeat(radius[..., None], SEGMENTS, axis=2)
    lines = [
        tf.transpose(tf.reshape(each, (-1, count)))[..., None, None]  # lines B 1 1
        for each in (row, column, down, right, length, radius)
    ]
    rows, columns = (tf.range(side, dtype=tf.float32) + 0.5 for side in size)  # middles of pixels
    nothing = tf.zeros((tf.shape(keys)[0], *size), tf.bool)
    return tf.foldl(
        lambda holes, line: holes | _near(rows[:, None], columns, *line), lines, nothing
    )


def _by_stroke(draws):
    return tf.reshape(draws, (-1, STROKES, SEGMENTS))


def _near(rows, columns, row, column, down, right, length, radius):
    """Says which pixels lie within a radius of lines, each `(B, 1, 1)`."""
    rows, columns = rows - row, columns - column  # from the start
    along = tf.clip_by_value(rows * down + columns * right, 0.0, length)
    square = tf.square(rows - along * down) + tf.square(columns - along * right)
    return (square <= radius * radius) & (radius > 0)


def _between(limits, draws):
    return limits[0] + (limits[1] - limits[0]) * draws
