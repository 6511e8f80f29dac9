"""A pyramid of maps from the one map of a plain backbone."""

import keras

from keras_vit.tasks.convolution import convolution
from keras_vit.tasks.depths import token_maps


def feature_pyramid(backbone, width):
    """Extends a backbone by maps of half, once and twice the stride of its patches.

    The simple feature pyramid of "Exploring Plain Vision Transformer Backbones for Object
    Detection" (arXiv:2203.16527), section 3: all maps are made of the last one, without a path from
    coarse to fine. For patches of 16 pixels the strides are 8, 16 and 32.

    Args:
        backbone: A model that `keras_vit.models.vit` built, with its last norm and without
            `patch_dropout`.
        width: Channels of the maps.

    Returns:
        A dictionary from the stride in pixels, finest first, to a symbolic map
        `(B, ceil(H / stride), ceil(W / stride), width)`.

    Raises:
        ValueError: If the backbone lacks its last norm or drops patches.
    """
    patches = token_maps(backbone, ["norm"]).output["norm"]  # B h w D
    stride = backbone.get_layer("patches").patch_size
    fine = keras.layers.Conv2DTranspose(patches.shape[-1] // 2, 2, strides=2, name="pyramid0_up")
    coarse = keras.layers.MaxPooling2D(2, padding="same", name="pyramid2_down")
    maps = {stride / 2: fine(patches), stride: patches, 2 * stride: coarse(patches)}
    for level, (stride, x) in enumerate(maps.items()):
        name = f"pyramid{level}"
        x = convolution(width, f"{name}_in", kernel_size=1, activation=None)(x)
        maps[stride] = convolution(width, f"{name}_out", activation=None)(x)
    return maps
