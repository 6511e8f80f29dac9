"""Several stages as one, several moves as one, and Keras layers as stages."""

import functools
from collections.abc import Callable

import tensorflow as tf

from keras_vit.data.augment.keys import fold
from keras_vit.data.augment.move import Geometry, move, size_of
from keras_vit.data.augment.samples import image_only


def chain(
    *stages: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Makes one stage of several, which are called one after the other on a batch.

    Each stage gets keys of its own, so two equal stages in a row draw different numbers. A stage
    must not use Python's `if` or `for` on the value of a tensor, as they are not rewritten for
    graphs; use `tf.cond` and `tf.while_loop`, or make the stage a `tf.function`.

    Args:
        *stages: The stages in their order; each takes images `(B, H, W, C)`, or a dict of samples,
            and keys `(B,)`, and returns the like.

    Returns:
        A stage; its attribute `resumable` is False where that of one of the stages is.
    """

    @tf.autograph.experimental.do_not_convert  # AutoGraph takes seconds at the start of every run
    def stage(sample, keys):
        for number, each in enumerate(stages):
            sample = each(sample, fold(keys, number))
        return sample

    stage.resumable = all(map(is_resumable, stages))
    return stage


def as_one(
    *stages: Callable[..., tf.Tensor], **outside
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Makes one stage of several that move pixels, which then are interpolated only once.

    The stages draw what they draw in a `chain`, and their matrices are multiplied. Pixels that one
    stage moves out of the picture and the next one back are kept, and no border fades.

    Args:
        *stages: Stages that move, in their order, such as `random_flip` and `random_affine`.
        **outside: `fill`, `void` and `least_area`, see `keras_vit.data.augment.move.move`.

    Returns:
        A stage; when it is called, a stage that does not move is a `UserError`.
    """
    row = chain(*stages)

    @tf.autograph.experimental.do_not_convert
    def stage(sample, keys):
        still = Geometry(tf.eye(3, batch_shape=[1]), size_of(sample))
        return move(sample, row(still, keys), **outside)

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

    @tf.function  # AutoGraph rewrites what a layer passes to `tf.map_fn`, for example
    def change(images):
        return tf.convert_to_tensor(layer(tf.cast(images, tf.float32), training=True))

    @image_only
    def keras_layer(images, keys):
        images = tf.convert_to_tensor(images)
        changed = change(images)
        if images.dtype.is_integer:
            changed = tf.clip_by_value(tf.round(changed), images.dtype.min, images.dtype.max)
        return tf.cast(changed, images.dtype)

    keras_layer.resumable = False
    return keras_layer
