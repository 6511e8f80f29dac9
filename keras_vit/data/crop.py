"""Crops, which decode an encoded picture to an image of a given size, uint8.

In place of the bytes of a picture, each takes a sample: a dict whose `image` is the bytes, `()`,
and whose `mask` and `target` are bytes, too, or pixels, which keep their dtype; `boxes` are
`(M, 4)`, `box_labels` `(M,)`.
What `keras_vit.data.augment.move` says of a batch holds for it.
"""

import functools
import math
from collections.abc import Callable

import tensorflow as tf

from keras_vit.data.augment.crops import fitted, pair
from keras_vit.data.augment.move import move, window
from keras_vit.data.augment.windows import random_windows
from keras_vit.images.graph_decode import (
    decode,
    decode_by_pillow,
    decode_mask_by_pillow,
    decode_window,
    is_plain_jpeg,
    jpeg_shape,
)

ANNOTATIONS = ("mask", "boxes", "box_labels")


def inception_crop(encoded, key, *, size, area=(0.08, 1.0), aspect=(3 / 4, 4 / 3), **outside):
    """Decodes a random window of a picture and resizes it to `(H, W, 3)`, uint8.

    The window's area is uniform in `area`, and its aspect ratio log-uniform in `aspect`: "Going
    Deeper with Convolutions" (arXiv:1409.4842, section 6), drawn as torchvision and timm do (ten
    attempts, then the largest window in the middle). Only the window of a JPEG is decoded, at the
    smallest of the JPEG's own scales that covers the output.

    Args:
        encoded: The bytes of the picture, a string `()`, or a sample with them.
        key: uint64 `()`, from which the window is drawn.
        size: Height and width of the output in pixels, or one integer for both.
        area: Smallest and largest area of the window, as shares of the picture's area.
        aspect: Smallest and largest aspect ratio of the window, width by height.
        **outside: `least_area`, see `keras_vit.data.augment.move.move`; a window has no outside.

    Returns:
        The image, resized bilinearly, and antialiased where the decoded window is more than twice
        as long as the output; or the sample with it.

    Raises:
        tf.errors.OpError: When it runs, if the picture cannot be decoded.
    """
    size = pair(size)

    def draw_window(height, width):
        return random_windows(height, width, key[None], area, aspect)[0]

    if not isinstance(encoded, dict):
        return _window(encoded, draw_window, size)[0]
    encoded = _decoded(encoded, ("mask",))
    image, box = _window(encoded["image"], draw_window, size)
    where = window(*tf.unstack(tf.cast(box[:, None], tf.float32)), size)
    rest = {name: encoded[name][None] for name in ANNOTATIONS if name in encoded}
    moved = {name: values[0] for name, values in move(rest, where, **outside).items()}
    if "target" in encoded:
        moved["target"] = _window(encoded["target"], lambda height, width: box, size)[0]
    return encoded | moved | {"image": image}


def centre_crop(encoded, key=None, *, preprocessing, **outside):
    """Decodes a picture, resizes it and crops its middle to `(H, W, 3)`, uint8.

    Args:
        encoded: The bytes of the picture, a string `()`, or a sample with them.
        key: Ignored; every crop takes one, and this one draws nothing.
        preprocessing: A `keras_vit.images.preprocessing.Preprocessing` with an `image_size`, which
            is `(H, W)`.
        **outside: `void` and `least_area`, see `keras_vit.data.augment.move.move`.

    Returns:
        The image, or the sample with it.

    Raises:
        tf.errors.OpError: When it runs, if the picture cannot be decoded.
    """
    stage = functools.partial(fitted, preprocessing=preprocessing, **outside)
    return staged_crop(encoded, key, stage=stage)


def staged_crop(encoded, key, *, stage: Callable[..., tf.Tensor | dict[str, tf.Tensor]]):
    """Decodes a whole picture and crops it by a stage of `keras_vit.data.augment`.

    For example by `functools.partial(random_scale_crop, size=(256, 256))`.

    Args:
        encoded: The bytes of the picture, a string `()`, or a sample with them.
        key: uint64 `()`, from which the stage draws; `None` where it draws nothing.
        stage: Takes a batch of any height and width, and returns one of a fixed size.

    Returns:
        The image, of the stage's size, or the sample with it.

    Raises:
        tf.errors.OpError: When it runs, if the picture cannot be decoded.
    """
    sample = encoded if isinstance(encoded, dict) else {"image": encoded}
    whole = _decoded(sample, ("image", "mask", "target"))
    batch = {name: whole[name][None] for name in ("image", "target", *ANNOTATIONS) if name in whole}
    moved = stage(batch, None if key is None else key[None])
    moved = {name: values[0] for name, values in moved.items()}
    return sample | moved if isinstance(encoded, dict) else moved["image"]


def _decoded(sample, names):
    """Decodes what has one of some names in a sample, and is encoded."""
    encoded = [x for x in names if x in sample and _is_encoded(sample[x])]
    decoders = {"mask": decode_mask_by_pillow}
    return sample | {name: decoders.get(name, decode)(sample[name]) for name in encoded}


def _is_encoded(value):
    return tf.as_dtype(getattr(value, "dtype", tf.string)) == tf.string


def _window(encoded, draw_window: Callable[..., tf.Tensor], size):
    """Returns an image `(H, W, C)` and its window: top, left, height and width, int32 `(4,)`."""

    def of_jpeg():
        height, width, _ = jpeg_shape(encoded)
        box = draw_window(height, width)
        # 0 to 3 halvings by the JPEG's own cosine transform; bilinear resizing does the rest.
        factor = tf.reduce_min(tf.cast(box[2:], tf.float32) / tf.constant(size, tf.float32))
        halvings = tf.cast(tf.math.log(factor) / math.log(2), tf.int32)
        branches = [
            lambda ratio=ratio: decode_window(encoded, box, ratio) for ratio in (1, 2, 4, 8)
        ]
        return tf.switch_case(tf.clip_by_value(halvings, 0, 3), branches), box

    def of_others():
        image = decode_by_pillow(encoded) if _is_encoded(encoded) else encoded
        box = draw_window(tf.shape(image)[0], tf.shape(image)[1])
        top, left, height, width = tf.unstack(box)
        return image[top : top + height, left : left + width], box

    if _is_encoded(encoded):
        image, box = tf.cond(is_plain_jpeg(encoded), of_jpeg, of_others)
    else:
        image, box = of_others()
    dtype = image.dtype
    small = tf.reduce_all(tf.shape(image)[:2] <= 2 * tf.constant(size))
    image = tf.cond(
        small,
        lambda: tf.image.resize(image, size),
        lambda: tf.image.resize(image, size, antialias=True),
    )
    return tf.cast(tf.round(image) if dtype.is_integer else image, dtype), box
