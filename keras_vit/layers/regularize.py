"""Regularization of a block or its tokens: stochastic depth, a learned scale, fewer patches."""

import keras
from keras import ops

from keras_vit.errors import UserError


@keras.saving.register_keras_serializable("keras_vit")
class DropPath(keras.layers.Layer):
    """Zeroes whole examples of a branch `(B, ...)` in training and scales up the others.

    "Deep Networks with Stochastic Depth" (arXiv:1603.09382). An example survives with probability
    `1 - rate` and is then multiplied by `1 / (1 - rate)`, so that the expectation is unchanged.

    Args:
        rate: Probability that an example is dropped, in `[0, 1)`.
        seed: Seed of the draws.

    Raises:
        ValueError: If `rate` is outside `[0, 1)`.
    """

    def __init__(self, rate, *, seed=None, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise UserError(f"`rate` must lie in [0, 1): received rate={rate}.")
        self.rate = rate
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, x, training=False):
        if not training or not self.rate:
            return x
        noise_shape = (ops.shape(x)[0],) + (1,) * (len(x.shape) - 1)
        return keras.random.dropout(x, self.rate, noise_shape=noise_shape, seed=self.seed_generator)


@keras.saving.register_keras_serializable("keras_vit")
class LayerScale(keras.layers.Layer):
    """Multiplies each channel of `(..., D)` by a learned number.

    "Going deeper with Image Transformers" (arXiv:2103.17239), equation 4.

    Args:
        initial_value: Initial value of all `D` numbers; the paper takes 0.1 to 1e-6, less for
            deeper models.
    """

    def __init__(self, initial_value=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.initial_value = initial_value

    def build(self, shape):
        self.scale = self.add_weight(
            name="scale",
            shape=(shape[-1],),
            initializer=keras.initializers.Constant(self.initial_value),
        )

    def call(self, x):
        return x * ops.cast(self.scale, x.dtype)


@keras.saving.register_keras_serializable("keras_vit")
class PatchDropout(keras.layers.Layer):
    """Keeps a random part of the patch tokens `(B, T, D)` in training, a different one per image.

    "PatchDropout: Economizing Vision Transformers Using Patch Dropout" (arXiv:2208.07220). Dropped
    patches cost nothing in the layers that follow. Positions must have been added before; prefix
    tokens are kept.

    Args:
        rate: Share of the patches that is dropped, in `[0, 1)`; at least one patch stays.
        num_prefix_tokens: How many tokens precede the patches.
        seed: Seed of the draws.

    Raises:
        ValueError: If `rate` is outside `[0, 1)`.
    """

    def __init__(self, rate, *, num_prefix_tokens=0, seed=None, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise UserError(f"`rate` must lie in [0, 1): received rate={rate}.")
        self.rate = rate
        self.num_prefix_tokens = num_prefix_tokens
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, x, training=False):
        num_patches = x.shape[1] - self.num_prefix_tokens
        kept = max(1, round(num_patches * (1 - self.rate)))
        if not training or kept == num_patches:
            return x
        draws = keras.random.uniform((ops.shape(x)[0], num_patches), seed=self.seed_generator)
        _, chosen = ops.top_k(draws, kept, sorted=False)  # B kept
        patches = x[:, self.num_prefix_tokens :]
        patches = ops.take_along_axis(patches, chosen[..., None], axis=1)
        return ops.concatenate([x[:, : self.num_prefix_tokens], patches], axis=1)
