"""Views: random crops of each picture in other colours, as self-supervision compares them."""

import dataclasses
import functools

import tensorflow as tf

from keras_vit.data.augment.affine import affine
from keras_vit.data.augment.chain import chain
from keras_vit.data.augment.colour import grayscale
from keras_vit.data.augment.colour_jitter import colour_jitter
from keras_vit.data.augment.crops import random_resized_crop
from keras_vit.data.augment.dispatch import dispatch, keep
from keras_vit.data.augment.geometry import random_flip
from keras_vit.data.augment.keys import fold, uniform
from keras_vit.data.augment.move import Geometry, size_of
from keras_vit.data.augment.sharpness import gaussian_blur
from keras_vit.data.augment.tone import solarize

JITTER = dict(brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ViewColours:
    """How views are changed: shares of the views, by the defaults of DINO (arXiv:2104.14294).

    Attributes:
        flip: Whether half of them are mirrored.
        jitter: Share whose brightness, contrast, saturation and hue are changed.
        grey: Share that becomes grey.
        blur: Shares that are blurred: of the first large view, of the other large ones, and of the
            small ones.
        solarize: Shares that are solarized, from 128 on, in the same form.
    """

    flip: bool = True
    jitter: float = 0.8
    grey: float = 0.2
    blur: tuple[float, float, float] = (1.0, 0.1, 0.5)
    solarize: tuple[float, float, float] = (0.0, 0.2, 0.0)


@tf.autograph.experimental.do_not_convert  # AutoGraph takes seconds at the start of every run
def view_sheet(images, keys, *, sheet, area=(0.4, 1.0), small_area=(0.05, 0.4), colours=None):
    """Makes views of each of the images `(B, H, W, C)`, side by side in images `(B, S, W', C)`.

    "Emerging Properties in Self-Supervised Vision Transformers" (arXiv:2104.14294, section 3.1, and
    BYOL's augmentations, arXiv:2006.07733, appendix B): the large views see much of a picture, the
    small ones little. Crops are not antialiased.

    Args:
        images: uint8 batch, `C` 1 or 3.
        keys: One per image, uint64 `(B,)`.
        sheet: Number, sizes and places of the views, a `keras_vit.images.view_sheet.ViewSheet`.
        area: Smallest and largest area of a large view, as shares of the picture's.
        small_area: Those of a small view.
        colours: A `ViewColours`; by default DINO's.

    Returns:
        A uint8 batch of the height and width of `sheet`.
    """
    colours = colours or ViewColours()
    large = _views(images, fold(keys, 0), sheet.size, area, colours, [0, *(sheet.count - 1) * [1]])
    columns = [tf.concat(tf.unstack(large, axis=1), axis=2)]
    if sheet.small_count:
        kinds = sheet.small_count * [2]
        small = _views(images, fold(keys, 1), sheet.small_size, small_area, colours, kinds)
        small, rows = tf.unstack(small, axis=1), sheet.size // sheet.small_size
        for first in range(0, sheet.small_count, rows):
            column = tf.concat(small[first : first + rows], axis=1)
            missing = sheet.size - column.shape[1]
            columns.append(tf.pad(column, [[0, 0], [0, missing], [0, 0], [0, 0]]))
    return tf.concat(columns, axis=2)


def _views(images, keys, size, area, colours, kinds):
    """Makes a view of each image for each of the kinds, `(B, V, S, S, C)`."""
    count = len(kinds)
    images = tf.repeat(tf.convert_to_tensor(images), count, axis=0)
    numbers = tf.tile(tf.range(count), [tf.size(keys)])
    keys = fold(tf.repeat(keys, count), numbers)
    crop = functools.partial(random_resized_crop, size=size, area=area)
    moves = chain(crop, random_flip) if colours.flip else chain(crop)
    still = Geometry(tf.eye(3, batch_shape=[1]), size_of(images))
    matrices = tf.reshape(moves(still, fold(keys, 0)).matrix, (-1, 9))[:, :6]
    images = affine(images, matrices, size=(size, size), fill=None)

    draws, strengths = uniform(fold(keys, 1), 4), uniform(fold(keys, 2), 1)[:, 0]

    def some(change, number, rates, *values):
        rates = tf.constant([rates[kind] for kind in kinds], tf.float32)
        chosen = draws[:, number] < tf.gather(rates, numbers)
        return dispatch(tf.cast(chosen, tf.int32), (keep, change), images, *values)

    jitter = functools.partial(colour_jitter, **JITTER)
    images = some(jitter, 0, 3 * [colours.jitter], fold(keys, 3))
    images = some(grayscale, 1, 3 * [colours.grey])
    if any(colours.blur):
        blur = lambda x, strength: gaussian_blur(x, 0.1 + 1.9 * strength)  # noqa: E731
        images = some(blur, 2, colours.blur, strengths)
    if any(colours.solarize):
        images = some(_solarized, 3, colours.solarize)
    shape = (-1, count, size, size, images.shape[-1])
    return tf.reshape(images, shape)


def _solarized(images):
    return solarize(images, tf.fill(tf.shape(images)[:1], 128))
