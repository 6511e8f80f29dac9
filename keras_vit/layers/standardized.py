"""Convolutions whose kernels are standardised before they are applied."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_vit")
class StandardizedConv(keras.layers.Layer):
    """Convolves maps `(B, H, W, C)` to `(B, H/s, W/s, F)`; each filter has mean 0 and deviation 1.

    "Micro-Batch Training with Batch-Channel Normalization and Weight Standardization"
    (arXiv:1903.10520, section 3.1). Outside of the maps are zeros, and there is no bias. Kernels
    are standardised in float32 at least, whatever the precision of the maps.

    Args:
        filters: Channels `F` of the result.
        size: Side of the square kernel.
        strides: From one place to the next `s`.
        under_root: What is added to the variance of a filter.
        beside_root: What is added to its deviation.
    """

    def __init__(self, filters, size, *, strides=1, under_root=1e-8, beside_root=0.0, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.size = size
        self.strides = strides
        self.under_root = under_root
        self.beside_root = beside_root
        self.is_folded = False

    def build(self, shape):
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.size, self.size, shape[-1], self.filters),
            initializer="lecun_normal",
            autocast=False,
        )

    def standardized(self):
        """Returns the kernel `(size, size, C, F)` that the maps meet, in float32 at least."""
        kernel = ops.cast(self.kernel, keras.backend.result_type(self.kernel.dtype, "float32"))
        if self.is_folded:
            return kernel
        centred = kernel - ops.mean(kernel, axis=(0, 1, 2), keepdims=True)
        variance = ops.mean(ops.square(centred), axis=(0, 1, 2), keepdims=True)
        return centred / (ops.sqrt(variance + self.under_root) + self.beside_root)

    def fold(self):
        """Standardises the kernel once and for all, in a copy that is not trained further."""
        self.kernel.assign(self.standardized())
        self.is_folded = True

    def call(self, maps):
        kernel = ops.cast(self.standardized(), maps.dtype)
        return ops.conv(
            maps, kernel, strides=self.strides, padding="same", data_format="channels_last"
        )
