"""Colour jitter: random brightness, contrast, saturation and hue, in a random order."""

from collections.abc import Callable

import tensorflow as tf

from keras_vit.data.augment.colour import hue as turn_hue
from keras_vit.data.augment.colour import saturation as change_saturation
from keras_vit.data.augment.dispatch import dispatch
from keras_vit.data.augment.keys import fold, uniform
from keras_vit.data.augment.samples import photometric
from keras_vit.data.augment.tone import brightness as change_brightness
from keras_vit.data.augment.tone import contrast as change_contrast
from keras_vit.errors import UserError


@photometric
def colour_jitter(images, keys, *, brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0):
    """Changes the light and colour of each of the images `(B, H, W, C)`, in an order of its own.

    The distribution is that of torchvision's `ColorJitter`: for an amount `v`, factors are uniform
    in `[max(0, 1 - v), 1 + v]`, and the turn of the hue is uniform in `[-hue, hue]`.

    Args:
        images: uint8 batch.
        keys: One per image, uint64 `(B,)`.
        brightness: Largest change of the factor of brightness; 0 leaves brightness out.
        contrast: Largest change of the factor of contrast; 0 leaves contrast out.
        saturation: Largest change of the factor of saturation; 0 leaves saturation out.
        hue: Largest turn of the hue, 0 to 0.5 turns of the colour circle; 0 leaves hue out.

    Returns:
        A batch of the same shape and dtype.

    Raises:
        ValueError: If an amount is negative, or `hue` is above 0.5.
    """
    amounts = dict(brightness=brightness, contrast=contrast, saturation=saturation, hue=hue)
    if min(amounts.values()) < 0 or hue > 0.5:
        raise UserError(f"Amounts must be at least 0, `hue` at most 0.5: received {amounts}.")

    def scaled(change: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], amount):
        low, high = max(0.0, 1 - amount), 1 + amount
        return lambda images, draws: change(images, low + (high - low) * draws)

    steps = [
        *([scaled(change_brightness, brightness)] if brightness else []),
        *([scaled(change_contrast, contrast)] if contrast else []),
        *([scaled(change_saturation, saturation)] if saturation else []),
        *([lambda images, draws: turn_hue(images, hue * (2 * draws - 1))] if hue else []),
    ]
    images = tf.convert_to_tensor(images)
    if not steps:
        return images
    order = tf.argsort(uniform(fold(keys, 0), len(steps)))
    draws = uniform(fold(keys, 1), len(steps))
    for number in range(len(steps)):
        images = dispatch(order[:, number], steps, images, draws[:, number])
    return images
