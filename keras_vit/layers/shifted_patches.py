"""Patches that see what is around them: shifted patch tokenization."""

import keras
from keras import ops

from keras_vit.layers.patches import patchify


@keras.saving.register_keras_serializable("keras_vit")
class ShiftedPatches(keras.layers.Layer):
    """Cuts images `(B, H, W, C)` and four shifted copies into patches `(B, N, 5*P*P*C)`, normed.

    "Vision Transformer for Small-Size Datasets" (arXiv:2112.13492, section 3.2): the copies are
    shifted by half a patch along the diagonals, with zeros where nothing is left, so that a token
    sees what is around its patch.

    Args:
        patch_size: Side of a square patch, in pixels; must divide the image.
        norm_epsilon: Epsilon of the norm over the numbers of a patch.

    Raises:
        ValueError: If `patch_size` does not divide the image.
    """

    def __init__(self, patch_size, *, norm_epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.patch_size = patch_size
        self.norm = keras.layers.LayerNormalization(
            epsilon=norm_epsilon, dtype=self.dtype_policy, name="norm"
        )

    def build(self, shape):
        self.norm.build((shape[0], None, 5 * self.patch_size**2 * shape[-1]))

    def call(self, images):
        _, height, width, _ = images.shape
        half = self.patch_size // 2
        padded = ops.pad(images, ((0, 0), (half, half), (half, half), (0, 0)))
        shifts = ((0, 0), (0, 2 * half), (2 * half, 0), (2 * half, 2 * half))
        copies = [padded[:, y : y + height, x : x + width] for y, x in shifts]
        return self.norm(patchify(ops.concatenate([images, *copies], axis=-1), self.patch_size))
