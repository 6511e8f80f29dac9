"""Stages in a row, and layers of others as stages."""

from keras_vit.data.augment.keys import fold


def chain(*stages):
    """Makes one stage of several: each is called on what the one before returned.

    A stage is a function of images `(B, H, W, C)` and keys `(B,)` that returns images. Each stage
    gets keys of its own, so two equal stages in a row draw different numbers.

    Args:
        *stages: The stages in their order.

    Returns:
        A stage.
    """

    def stage(images, keys):
        for number, each in enumerate(stages):
            images = each(images, fold(keys, number))
        return images

    return stage
