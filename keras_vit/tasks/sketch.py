"""Random directions, on which the distribution of embeddings is judged."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_vit")
class Sketch(keras.layers.Layer):
    """Projects embeddings `(..., E)` on `M` random directions, `(..., M)`; nothing is learned.

    "LeJEPA" (arXiv:2511.08544, section 4): new directions in each step, in all replicas the same.
    They are a weight that `redraw` changes, so that a training that is resumed goes on with them.

    Args:
        count: Number of directions `M`.
        seed: Seed of the draws.
    """

    def __init__(self, count, *, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.count = count
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, shape):
        self.directions = self.add_weight(
            name="directions",
            shape=(shape[-1], self.count),
            initializer=self._drawn,
            trainable=False,
        )

    def call(self, x):
        return ops.matmul(x, ops.cast(self.directions, x.dtype))

    def redraw(self):
        """Draws other directions, evenly from the unit sphere."""
        self.directions.assign(self._drawn(self.directions.shape))

    def _drawn(self, shape, dtype="float32"):
        drawn = keras.random.normal(shape, dtype=dtype, seed=self.seed_generator)
        return drawn / ops.norm(drawn, axis=0, keepdims=True)
