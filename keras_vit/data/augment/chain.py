"""Several stages as one, and Keras layers as stages."""

import functools
from collections.abc import Callable

import tensorflow as tf

from keras_vit.data.augment.keys import fold


def chain(
    *stages: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Makes one stage of several, which are called one after the other on images `(B, H, W, C)`.

    Each stage gets keys of its own, so two equal stages in a row draw different numbers. A stage
    must not use Python's `if` or `for` on the value of a tensor, as they are not rewritten for
    graphs; use `tf.cond` and `tf.while_loop`.

    Args:
        *stages: The stages in their order; each takes images and keys `(B,)` and returns images.

    Returns:
        A stage; its attribute `resumable` is False where that of one of the stages is.
    """

    @tf.autograph.experimental.do_not_convert  # AutoGraph takes seconds at the start of every run
    def stage(images, keys):
        for number, each in enumerate(stages):
            images = each(images, fold(keys, number))
        return images

    stage.resumable = all(map(is_resumable, stages))
    return stage


def is_resumable(stage: Callable | None):
    """Returns whether a stage draws only from its keys, so that a stream may start in the middle.

    Args:
        stage: A stage, a `functools.partial` of one, or `None`.

    Returns:
        The attribute `resumable` of the stage; True where it has none.
    """
    while isinstance(stage, functools.partial):
        stage = stage.func
    return getattr(stage, "resumable", True)


def layer_stage(
    layer: Callable[..., tf.Tensor],
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Makes a stage of a Keras or KerasCV preprocessing layer, called with `training=True`.

    The layer draws from its own random state and not from the keys. A stream with such a stage
    differs from run to run and between workers, so the stage's attribute `resumable` is False.

    Args:
        layer: A Keras layer that takes and returns images `(B, H, W, C)`, float32, 0 to 255.

    Returns:
        A stage that keeps the dtype of its images; integers are rounded and clipped.
    """

    def stage(images, keys):
        images = tf.convert_to_tensor(images)
        changed = tf.convert_to_tensor(layer(tf.cast(images, tf.float32), training=True))
        if images.dtype.is_integer:
            changed = tf.clip_by_value(tf.round(changed), images.dtype.min, images.dtype.max)
        return tf.cast(changed, images.dtype)

    stage.resumable = False
    return stage
