"""Layers of the mask transformer: one token per class, and its product with every patch."""

import keras
from keras import ops

from keras_vit.errors import UserError


@keras.saving.register_keras_serializable("keras_vit")
class ClassQueries(keras.layers.Layer):
    """Appends one learned token per class to patches: `(B, N, D)` to `(B, N+K, D)`.

    "Segmenter" (arXiv:2105.05633), section 3.2.

    Args:
        num_classes: Number of classes `K`.

    Raises:
        ValueError: If there is no class.
    """

    def __init__(self, num_classes, **kwargs):
        super().__init__(**kwargs)
        if num_classes < 1:
            raise UserError(f"`num_classes` must be at least 1: received {num_classes}.")
        self.num_classes = num_classes

    def build(self, shape):
        initializer = keras.initializers.TruncatedNormal(stddev=0.02)
        self.queries = self.add_weight(
            name="queries", shape=(1, self.num_classes, shape[-1]), initializer=initializer
        )

    def call(self, patches):
        ones = ops.ones_like(patches[:, :1, :1])  # (B, 1, 1): the batch is not known
        return ops.concatenate([patches, ones * self.queries], axis=1)


@keras.saving.register_keras_serializable("keras_vit")
class MaskProduct(keras.layers.Layer):
    """Compares each patch with each class: tokens `(B, N+K, D)` to logits `(B, N, K)`.

    Patches and classes are projected and brought to length 1; a learned scale and bias per class
    make logits of their cosines. "Segmenter" (arXiv:2105.05633), section 3.2, whose published code
    has a norm over the classes in place of the scale: for two classes it is a sign, which passes no
    gradient.

    Args:
        num_classes: Number of classes `K`; their tokens are the last ones.
    """

    def __init__(self, num_classes, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = num_classes

    def build(self, shape):
        width = shape[-1]
        self.patches, self.classes = (
            keras.layers.Dense(width, use_bias=False, dtype=self.dtype_policy, name=name)
            for name in ("patches", "classes")
        )
        self.patches.build(shape)
        self.classes.build(shape)
        ten = keras.initializers.Constant(10.0)  # cosines lie in [-1, 1], logits should not
        self.scale = self.add_weight(name="scale", shape=(self.num_classes,), initializer=ten)
        self.bias = self.add_weight(name="bias", shape=(self.num_classes,), initializer="zeros")

    def call(self, tokens):
        patches = self.patches(tokens[:, : -self.num_classes])
        classes = self.classes(tokens[:, -self.num_classes :])
        classes = ops.transpose(_normalized(classes), (0, 2, 1))  # B D K
        return ops.matmul(_normalized(patches), classes) * self.scale + self.bias


def _normalized(x):
    """Brings the last axis to length 1; `ops.normalize` has operators without an integer form."""
    return x * ops.rsqrt(ops.sum(x * x, axis=-1, keepdims=True) + 1e-6)
