"""Random erasing: overwrites a rectangle in some of the images."""

import math

import numpy as np
import tensorflow as tf
from scipy import stats

from keras_vit.data.augment.dispatch import dispatch, keep
from keras_vit.data.augment.keys import fold, random_bytes, uniform
from keras_vit.data.augment.rectangle import paste
from keras_vit.data.augment.samples import photometric
from keras_vit.errors import UserError

ATTEMPTS = 10  # to draw a rectangle that fits, as in timm


@photometric
def random_erasing(
    images,
    keys,
    *,
    rate=0.25,
    area=(0.02, 1 / 3),
    aspect=(0.3, 1 / 0.3),
    noise=True,
    mean=127.5,
    std=127.5,
):
    """Overwrites a rectangle in each of the images `(B, H, W, C)` with probability `rate`.

    "Random Erasing Data Augmentation" (arXiv:1708.04896, algorithm 1), with a log-uniform aspect
    ratio as in timm. timm works on normalised images, with standard normal noise or the constant 0.
    Here `mean` and `std` are what the model subtracts and divides by, so that the noise has the
    same distribution, except that it is rounded and clipped to 0..255. The defaults suit a model
    that expects -1 to 1.

    Args:
        images: uint8 batch.
        keys: One per image, uint64 `(B,)`.
        rate: Probability that an image is changed.
        area: Smallest and largest area of the rectangle, as shares of the image's area.
        aspect: Smallest and largest aspect ratio of the rectangle, height by width.
        noise: Whether every value is drawn by itself (timm's "pixel"), or is `mean` ("const").
        mean: Mean of the noise, on the scale 0 to 255, one number or one per channel.
        std: Standard deviation of the noise, in the same form as `mean`.

    Returns:
        A batch of the same shape and dtype.

    Raises:
        ValueError: If `rate` does not lie in [0, 1].
    """
    if not 0 <= rate <= 1:
        raise UserError(f"`rate` must be from 0 to 1: received rate={rate}.")
    images = tf.convert_to_tensor(images)
    height, width, channels = images.shape[1:]
    tops, heights, lefts, widths, fits = _rectangles(keys, height, width, area, aspect)
    quantiles = stats.norm.ppf((np.arange(256) + 0.5) / 256) * noise
    table = np.asarray(mean)[..., None] + np.asarray(std)[..., None] * quantiles
    table = np.broadcast_to(table.round().clip(0, 255), (channels, 256)).astype("uint8")

    def erase(images, keys, *box):
        draws = random_bytes(fold(keys, 3), height * width * channels)
        draws = tf.reshape(tf.cast(draws, tf.int32), (-1, height, width, channels))
        values = tf.gather(table.reshape(-1), draws + 256 * tf.range(channels))
        return paste(images, tf.cast(values, images.dtype), *box)

    erased = fits & (uniform(fold(keys, 2), 1)[:, 0] < rate)
    boxes = (tops, tops + heights, lefts, lefts + widths)
    return dispatch(tf.cast(erased, tf.int32), (keep, erase), images, keys, *boxes)


def _rectangles(keys, height, width, area, aspect):
    """Draws rectangles until one fits: top, height, left, width, and whether one fits, `(B,)`."""
    draws = uniform(fold(keys, 0), 2 * ATTEMPTS)
    areas = (area[0] + (area[1] - area[0]) * draws[:, :ATTEMPTS]) * (height * width)
    low, high = math.log(aspect[0]), math.log(aspect[1])
    aspects = tf.exp(low + (high - low) * draws[:, ATTEMPTS:])
    heights = tf.cast(tf.round(tf.sqrt(areas * aspects)), tf.int32)
    widths = tf.cast(tf.round(tf.sqrt(areas / aspects)), tf.int32)
    fit = (heights < height) & (widths < width)
    first = tf.argmax(fit, axis=1)
    heights = tf.gather(heights, first, batch_dims=1)
    widths = tf.gather(widths, first, batch_dims=1)
    places = uniform(fold(keys, 1), 2)
    tops = tf.cast(places[:, 0] * tf.cast(height - heights + 1, tf.float32), tf.int32)
    lefts = tf.cast(places[:, 1] * tf.cast(width - widths + 1, tf.float32), tf.int32)
    return tops, heights, lefts, widths, tf.reduce_any(fit, axis=1)
