"""Centring and sharpening: what keeps a self-taught teacher from answering all alike."""

import keras
from keras import ops

from keras_vit.errors import UserError


@keras.saving.register_keras_serializable("keras_vit")
class Sharpen(keras.layers.Layer):
    """Turns a teacher's logits `(B, G, K)` into probabilities, `softmax((logits - centre) / t)`.

    "Emerging Properties in Self-Supervised Vision Transformers" (arXiv:2104.14294, equation 4). In
    training, the centre then moves to the mean of the logits of the whole batch, over all replicas;
    in micro-batches it cannot, and a training says so.

    Args:
        momentum: How much of the centre stays in a step, in `[0, 1]`; 1 keeps it at zero.
        temperature: `t`, which training may change: it is a weight.

    Raises:
        ValueError: If a number is out of its range.
    """

    def __init__(self, *, momentum=0.9, temperature=0.04, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= momentum <= 1 or not temperature > 0:
            raise UserError(
                "`momentum` must lie in [0, 1] and `temperature` above 0: received "
                f"momentum={momentum}, temperature={temperature}."
            )
        self.momentum, self.start = momentum, temperature

    def build(self, shape):
        self.centre = self.add_weight(
            name="centre", shape=(shape[-1],), initializer="zeros", trainable=False
        )
        start = keras.initializers.Constant(self.start)
        self.temperature = self.add_weight(
            name="temperature", shape=(), initializer=start, trainable=False
        )

    def call(self, logits, training=False):
        logits = ops.stop_gradient(logits)
        answers = ops.softmax((logits - self.centre) / self.temperature, axis=-1)
        if training:
            mean = ops.mean(logits, axis=(0, 1))
            self.centre.assign(self.momentum * self.centre + (1 - self.momentum) * mean)
        return answers

    def get_config(self):
        own = dict(momentum=self.momentum, temperature=self.start)
        return {**super().get_config(), **own}
