"""Stems of convolutions: images to patches that are not cut, but shrunk."""

import keras
from keras import ops

from keras_vit.errors import UserError
from keras_vit.layers.patches import patchify


@keras.saving.register_keras_serializable("keras_vit")
class ConvStem(keras.layers.Layer):
    """Turns images `(B, H, W, C)` into patches `(B, N, D)` by 3x3 convolutions of stride 2.

    "Early Convolutions Help Transformers See Better" (arXiv:2106.14881, section 4): one convolution
    for each halving, whose channels double up to `D`, each with a norm and a ReLU. The norm is over
    the channels of each place where the paper's is over a batch, so that an answer does not depend
    on the other images, and a training not on replicas and micro-batches.

    Args:
        patch_size: By how much the sides shrink, a power of two from 2; divides the image.
        width: Channels `D` of the last convolution.
        norm_epsilon: Epsilon of the norms.

    Raises:
        ValueError: If `patch_size` is no power of two, or does not divide the image.
    """

    def __init__(self, patch_size, *, width, norm_epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.patch_size = patch_size
        steps = halvings(patch_size)
        self.convolutions = [
            keras.layers.Conv2D(
                max(1, width >> (steps - 1 - step)),
                3,
                strides=2,
                padding="same",
                use_bias=False,
                kernel_initializer="he_normal",
                dtype=self.dtype_policy,
                name=f"convolution{step}",
            )
            for step in range(steps)
        ]
        self.norms = [
            keras.layers.LayerNormalization(
                epsilon=norm_epsilon, dtype=self.dtype_policy, name=f"norm{step}"
            )
            for step in range(steps)
        ]

    def build(self, shape):
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            convolution.build(shape)
            shape = convolution.compute_output_shape(shape)
            norm.build(shape)

    def call(self, images):
        x = images
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = ops.relu(norm(convolution(x)))
        return patchify(x, 1)


@keras.saving.register_keras_serializable("keras_vit")
class CompactTokenizer(keras.layers.Layer):
    """Turns images `(B, H, W, C)` into patches `(B, N, D)` by convolutions and max pooling.

    The tokenizer of the "Compact Convolutional Transformer" (arXiv:2104.05704, section 3.3): for
    each halving a 3x3 convolution, a ReLU, and the maximum of 3x3 places at a stride of 2; all
    convolutions but the last have 64 channels. Without positions its model loses little.

    Args:
        patch_size: By how much the sides shrink, a power of two from 2; divides the image.
        width: Channels `D` of the last convolution.

    Raises:
        ValueError: If `patch_size` is no power of two, or does not divide the image.
    """

    def __init__(self, patch_size, *, width, **kwargs):
        super().__init__(**kwargs)
        self.patch_size = patch_size
        steps = halvings(patch_size)
        self.convolutions = [
            keras.layers.Conv2D(
                width if step == steps - 1 else 64,
                3,
                padding="same",
                use_bias=False,
                kernel_initializer="he_normal",
                dtype=self.dtype_policy,
                name=f"convolution{step}",
            )
            for step in range(steps)
        ]

    def build(self, shape):
        for convolution in self.convolutions:
            convolution.build(shape)
            shape = (*convolution.compute_output_shape(shape)[:-1], convolution.filters)

    def call(self, images):
        x = images
        for convolution in self.convolutions:
            x = ops.max_pool(ops.relu(convolution(x)), 3, strides=2, padding="same")
        return patchify(x, 1)


def halvings(patch_size, *, least=2):
    """Counts how often a side is halved to shrink it by `patch_size`.

    Args:
        patch_size: By how much the sides shrink.
        least: The smallest `patch_size`.

    Returns:
        The logarithm of `patch_size` to the base of 2.

    Raises:
        ValueError: If `patch_size` is no power of two, or below `least`.
    """
    if patch_size < least or patch_size & (patch_size - 1):
        raise UserError(
            f"This stem needs a `patch_size` that is a power of two from {least}: "
            f"received {patch_size}."
        )
    return patch_size.bit_length() - 1
