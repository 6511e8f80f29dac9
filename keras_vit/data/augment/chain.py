"""Stages in a row, and layers of others as stages."""

import functools

import tensorflow as tf

from keras_vit.data.augment.keys import fold


def chain(*stages):
    """Makes one stage of several: each is called on what the one before returned.

    A stage is a function of images `(B, H, W, C)` and keys `(B,)` that returns images. Each stage
    gets keys of its own, so two equal stages in a row draw different numbers. Where they depend on
    tensors, stages branch by operations: `if` and `for` are not rewritten for graphs.

    Args:
        *stages: The stages in their order.

    Returns:
        A stage; its attribute `resumable` is False where that of one of the stages is.
    """

    @tf.autograph.experimental.do_not_convert  # it takes seconds at the start of every run
    def stage(images, keys):
        for number, each in enumerate(stages):
            images = each(images, fold(keys, number))
        return images

    stage.resumable = all(map(is_resumable, stages))
    return stage


def is_resumable(stage):
    """Returns whether a stage draws only from its keys; of a `functools.partial` the function."""
    while isinstance(stage, functools.partial):
        stage = stage.func
    return getattr(stage, "resumable", True)


def layer_stage(layer):
    """Makes a stage of a Keras or KerasCV preprocessing layer, called as in training.

    The layer draws from a state of its own and not from the keys. A stream with such a stage
    differs from run to run and between workers, so its attribute `resumable` is False.

    Args:
        layer: A Keras layer that maps images `(B, H, W, C)`, 0 to 255, to images.

    Returns:
        A stage; its images have the dtype they came with, integers rounded and within range.
    """

    def stage(images, keys):
        images = tf.convert_to_tensor(images)
        changed = tf.convert_to_tensor(layer(tf.cast(images, tf.float32), training=True))
        if images.dtype.is_integer:
            changed = tf.clip_by_value(tf.round(changed), images.dtype.min, images.dtype.max)
        return tf.cast(changed, images.dtype)

    stage.resumable = False
    return stage
