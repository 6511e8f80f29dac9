"""Positions that are added between two blocks."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_vit")
class AddPositions(keras.layers.Layer):
    """Adds a learned table of positions `(1, T, D)` to tokens `(B, T, D)`.

    "You Only Look at One Sequence" (arXiv:2106.00666), section 3.1, adds one after each block but
    the last, for all tokens, prefix tokens included.
    """

    def build(self, shape):
        initializer = keras.initializers.RandomNormal(stddev=0.02)
        self.positions = self.add_weight(
            name="positions", shape=(1, *shape[1:]), initializer=initializer
        )

    def call(self, tokens):
        return tokens + ops.cast(self.positions, tokens.dtype)
