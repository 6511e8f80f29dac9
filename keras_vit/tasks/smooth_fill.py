"""Holes filled smoothly from their border, without anything that is learned."""

import keras
from keras import ops

SWEEPS = 8  # averages over neighbours, at each size
LEAST = 1e-6  # share of known pixels that is divided by


@keras.saving.register_keras_serializable("keras_vit")
class SmoothFill(keras.layers.Layer):
    """Fills holes of pictures `(B, H, W, C)` smoothly; has no weights.

    The picture is halved as long as both sides are even. The smallest one gets the mean of what is
    known where nothing is. From size to size, holes take the enlarged pixels of the smaller
    picture, and then the average of their neighbours, `SWEEPS` times. That comes near to the
    solution of Laplace's equation, in which each missing pixel is the mean of those around it.
    """

    def compute_output_shape(self, picture_shape, known_shape):
        return picture_shape

    def call(self, picture, known):
        """Fills the holes.

        Args:
            picture: Pixels `(B, H, W, C)`, finite also where they are missing.
            known: 1 where pixels are known and 0 where they are missing, `(B, H, W, 1)`.

        Returns:
            Pictures `(B, H, W, C)`; known pixels are as they were.
        """
        share = known * ops.ones_like(picture)
        sizes = [(_as_one(picture * share), _as_one(share))]  # sums and shares of what is known
        while not any(side % 2 for side in sizes[-1][0].shape[1:3]):
            sizes.append(tuple(ops.average_pool(each, 2, 2) for each in sizes[-1]))
        total, share = (ops.mean(each, axis=(1, 2), keepdims=True) for each in sizes[-1])
        filled = ops.zeros_like(sizes[-1][0]) + total / ops.maximum(share, LEAST)
        for total, share in reversed(sizes):
            missing = 1 - share
            if filled.shape[1:3] != total.shape[1:3]:
                filled = ops.image.resize(filled, total.shape[1:3], "bilinear")
            filled = total + missing * filled
            for _ in range(SWEEPS):
                filled = total + missing * ops.average_pool(filled, 3, 1, "same")
        height, width, channels = picture.shape[1:]
        filled = ops.reshape(filled, (height, width, -1, channels))
        return ops.transpose(filled, (2, 0, 1, 3))


def _as_one(images):
    """Turns images into one, `(1, H, W, B*C)`: pools of few channels take ten times as long."""
    height, width = images.shape[1:3]
    return ops.reshape(ops.transpose(images, (1, 2, 0, 3)), (1, height, width, -1))
