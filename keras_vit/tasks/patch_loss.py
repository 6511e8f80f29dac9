"""The loss of masked patches: how far what is written of them is from what they are."""

import keras
from keras import ops

from keras_vit.layers import patchify
from keras_vit.tasks.reconstruction import EPSILON


@keras.saving.register_keras_serializable("keras_vit")
class PatchLoss(keras.losses.Loss):
    """Mean error of masked patches, each normed by its own mean and variance, per image.

    "Masked Autoencoders Are Scalable Vision Learners" (arXiv:2111.06377, section 3): the
    error is squared, and patches that were seen do not count. With `absolute`, it is that of SimMIM
    (arXiv:2111.09886, section 3.4), there of pixels that are not normed by patch.

    Targets are images `(B, H, W, C)`, 0 to 255; outputs are those of
    `keras_vit.tasks.masked_autoencoder`.

    Args:
        patch_size: Side of a patch in pixels.
        absolute: Whether the error is absolute, and not squared.
    """

    def __init__(self, patch_size, *, absolute=False, name="patch_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.patch_size, self.absolute = patch_size, absolute

    def call(self, y_true, y_pred):
        written, masked = y_pred[..., :-1], y_pred[..., -1]
        target = normed(patchify(ops.cast(y_true, written.dtype), self.patch_size))
        error = ops.abs if self.absolute else ops.square
        errors = ops.mean(error(written - target), axis=-1)  # B N
        return ops.sum(errors * masked, axis=-1) / ops.sum(masked, axis=-1)

    def get_config(self):
        own = {"patch_size": self.patch_size, "absolute": self.absolute}
        return {**super().get_config(), **own}


def normed(patches):
    """Norms patches, each by its own mean and deviation on the scale from 0 to 1.

    Args:
        patches: Pixels `(B, N, P*P*C)`, 0 to 255.

    Returns:
        The normed patches.
    """
    x = patches / 255
    mean = ops.mean(x, axis=-1, keepdims=True)
    deviation = ops.sqrt(ops.var(x, axis=-1, keepdims=True) + EPSILON)
    return (x - mean) / deviation
