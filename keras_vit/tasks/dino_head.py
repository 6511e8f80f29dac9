"""The projection head of DINO: an MLP, a bottleneck of length one, and prototypes."""

import keras
from keras import ops


def dino_head(prototypes, hidden, bottleneck, frozen=False):
    """Makes the layers of the head, from features `(B, D)` to logits `(B, K)`.

    "Emerging Properties in Self-Supervised Vision Transformers" (arXiv:2104.14294, appendix C):
    three dense layers, the last one to the bottleneck, whose outputs are scaled to length one, and
    a layer whose weights are.

    Args:
        prototypes: Number of logits `K`.
        hidden: Units of the first two layers.
        bottleneck: Units of the third.
        frozen: As `Prototypes` takes it.

    Returns:
        A list of layers, to be called one after the other.
    """
    return [
        keras.layers.Dense(hidden, activation="gelu", name="project0"),
        keras.layers.Dense(hidden, activation="gelu", name="project1"),
        keras.layers.Dense(bottleneck, dtype="float32", name="project2"),
        keras.layers.UnitNormalization(dtype="float32", name="unit"),
        Prototypes(prototypes, frozen=frozen, dtype="float32", name="prototypes"),
    ]


@keras.saving.register_keras_serializable("keras_vit")
class Prototypes(keras.layers.Layer):
    """Multiplies `(B, D)` with `K` learned directions of length one, `(B, K)`.

    A dense layer with weight normalisation (arXiv:1602.07868) whose lengths stay 1. Its weights get
    no gradient while the weight `open` is 0: DINO keeps its last layer for an epoch.
    `keras_vit.tasks.dino` sets it after each step.

    Args:
        count: Number of directions `K`.
        frozen: Whether `open` is 0 at first.
    """

    def __init__(self, count, *, frozen=False, **kwargs):
        super().__init__(**kwargs)
        self.count, self.frozen = count, frozen

    def build(self, shape):
        # Not called kernel: decay of weights that are normalised would only change their rate.
        self.directions = self.add_weight(
            name="directions",
            shape=(shape[-1], self.count),
            initializer="lecun_normal",  # of about length one
        )
        first = "zeros" if self.frozen else "ones"
        self.open = self.add_weight(name="open", shape=(), initializer=first, trainable=False)

    def call(self, x):
        free = ops.convert_to_tensor(self.directions)
        weights = self.open * free + (1 - self.open) * ops.stop_gradient(free)
        return ops.matmul(x, weights / ops.norm(weights, axis=0, keepdims=True))
