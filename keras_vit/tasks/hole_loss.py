"""The loss of holes: how far the missing pixels are from the true ones."""

import keras
from keras import ops

from keras_vit.losses import WeightedLoss

HALF = 127.5  # alpha from which on a pixel is known


@keras.saving.register_keras_serializable("keras_vit")
class HoleLoss(WeightedLoss):
    """Mean absolute error of missing pixels, in levels of 8 bits; each counts the same.

    Targets are `(B, H, W, C+1)`, whole pictures and alpha, which is 255 where pixels were known and
    0 where they were missing; outputs are pictures `(B, H, W, C)`.
    """

    def values(self, y_true, y_pred):
        return ops.mean(ops.abs(split(y_true, self.dtype)[0] - y_pred), axis=-1)

    def weights(self, y_true):
        return split(y_true, self.dtype)[1]


def split(truth, dtype):
    """Splits targets into pictures and what is missing.

    Args:
        truth: Targets `(B, H, W, C+1)`, as `HoleLoss` takes them.
        dtype: Type of what is returned.

    Returns:
        Pictures `(B, H, W, C)`; and 1 where pixels are missing and else 0, `(B, H, W)`.
    """
    truth = ops.cast(truth, dtype)
    return truth[..., :-1], ops.cast(truth[..., -1] < HALF, dtype)
