"""Layers of an encoder that sees only the visible patches, as a masked autoencoder does."""

import keras
import numpy as np
from keras import ops

from keras_vit.errors import UserError
from keras_vit.layers import patchify


@keras.saving.register_keras_serializable("keras_vit")
class VisibleTokens(keras.layers.Layer):
    """Says which tokens are visible, `(B, T)`, from pixels that are known, `(B, H, W, 1)`.

    A patch is visible, 1, if all of its pixels are known, and else hidden, 0. Prefix tokens are
    visible. The layer has no weights.

    Args:
        patch_size: Side of a square patch, in pixels.
        num_prefix_tokens: How many tokens precede the patches.
    """

    def __init__(self, patch_size, *, num_prefix_tokens=0, **kwargs):
        super().__init__(**kwargs)
        self.patch_size = patch_size
        self.num_prefix_tokens = num_prefix_tokens

    def call(self, known):
        visible = ops.min(patchify(known, self.patch_size), axis=-1)  # B N
        return ops.pad(visible, [[0, 0], [self.num_prefix_tokens, 0]], constant_values=1)


@keras.saving.register_keras_serializable("keras_vit")
class KeepPatches(keras.layers.Layer):
    """Keeps a fixed number of patches in training, the visible ones first.

    "Masked Autoencoders Are Scalable Vision Learners" (arXiv:2111.06377), where all examples have
    the same number of visible patches. Here the numbers differ: of too many visible patches, some
    are kept at random; where there are too few, hidden ones are kept as well, and stay hidden from
    attention. Elsewhere than in training, all tokens are kept.

    Args:
        share: Share of the patches that is kept, in `(0, 1]`; at least one patch stays.
        num_prefix_tokens: How many tokens precede the patches; they are kept.
        seed: Seed of the draws.

    Raises:
        ValueError: If `share` is outside `(0, 1]`.
    """

    def __init__(self, share, *, num_prefix_tokens=0, seed=None, **kwargs):
        super().__init__(**kwargs)
        if not 0 < share <= 1:
            raise UserError(f"`share` must lie in (0, 1]: received {share}.")
        self.share = share
        self.num_prefix_tokens = num_prefix_tokens
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, tokens, visible, training=False):
        """Chooses tokens.

        Args:
            tokens: Tokens `(B, T, D)`.
            visible: As `VisibleTokens` returns it, `(B, T)`.
            training: Whether to leave tokens out.

        Returns:
            The tokens that are kept and whether they are visible, in the same order; and the
            places of their patches in the image, integers `(B, K)`.
        """
        prefix = self.num_prefix_tokens
        count, batch = tokens.shape[1] - prefix, ops.shape(tokens)[0]
        kept = max(1, round(count * self.share))
        if not training or kept == count:
            return tokens, visible, _in_rows(ops.arange(count), batch)
        draws = keras.random.uniform((batch, count), seed=self.seed_generator)  # below 1
        first = ops.cast(visible[:, prefix:], draws.dtype) + draws
        _, places = ops.top_k(first, kept, sorted=False)
        chosen = ops.concatenate([_in_rows(ops.arange(prefix), batch), places + prefix], axis=1)
        tokens = ops.take_along_axis(tokens, chosen[..., None], axis=1)
        return tokens, ops.take_along_axis(visible, chosen, axis=1), places


@keras.saving.register_keras_serializable("keras_vit")
class MaskPatches(keras.layers.Layer):
    """Keeps a random part of the patches, other ones of each image and in each step.

    "Masked Autoencoders Are Scalable Vision Learners" (arXiv:2111.06377, section 3). Elsewhere than
    in training, the same places are kept in every image, so that evaluations can be compared.

    Args:
        share: Share of the patches that is masked, in `(0, 1)`; at least one stays, and at least
            one is masked.
        num_prefix_tokens: How many tokens precede the patches; they are kept.
        seed: Seed of the draws.
    """

    def __init__(self, share, *, num_prefix_tokens=0, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.share = share
        self.num_prefix_tokens = num_prefix_tokens
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, tokens, training=False):
        """Chooses tokens `(B, T, D)`.

        Args:
            tokens: The tokens.
            training: Whether places are drawn anew.

        Returns:
            The tokens that are kept, `(B, K', D)`; ones `(B, K')`, because all are seen; and the
            places of their patches in the image, integers `(B, K)`, rising.
        """
        prefix = self.num_prefix_tokens
        count, batch = tokens.shape[1] - prefix, ops.shape(tokens)[0]
        kept = min(max(1, round(count * (1 - self.share))), count - 1)
        if training:
            draws = keras.random.uniform((batch, count), seed=self.seed_generator)
            _, places = ops.top_k(draws, kept, sorted=False)
            places = ops.sort(places, axis=1)
        else:
            places = np.sort(np.random.default_rng(0).permutation(count)[:kept])
            places = _in_rows(ops.convert_to_tensor(places, "int32"), batch)
        first = _in_rows(ops.arange(prefix), batch)
        chosen = ops.concatenate([first, ops.cast(places, "int32") + prefix], axis=1)
        tokens = ops.take_along_axis(tokens, chosen[..., None], axis=1)
        return tokens, ops.ones_like(tokens[..., 0]), places


@keras.saving.register_keras_serializable("keras_vit")
class AllPatches(keras.layers.Layer):
    """Puts patches back to their places, `(B, N, D)`, with a learned token for those not seen.

    Args:
        count: Number of patches of an image `N`.
        num_prefix_tokens: How many tokens precede the patches; they are left out.
    """

    def __init__(self, count, *, num_prefix_tokens=0, **kwargs):
        super().__init__(**kwargs)
        self.count = count
        self.num_prefix_tokens = num_prefix_tokens

    def build(self, tokens_shape, visible_shape, places_shape):
        initializer = keras.initializers.RandomNormal(stddev=0.02)
        self.unseen = self.add_weight(
            name="unseen", shape=(1, 1, tokens_shape[-1]), initializer=initializer
        )

    def call(self, tokens, visible, places):
        """Takes what `KeepPatches` or `MaskPatches` returned, or tokens that were made of it."""
        tokens = tokens[:, self.num_prefix_tokens :]
        visible = ops.cast(visible, tokens.dtype)[:, self.num_prefix_tokens :, None]
        tokens = tokens * visible
        if tokens.shape[1] != self.count:
            there = ops.one_hot(places, self.count, axis=1, dtype=tokens.dtype)  # B N K
            tokens, visible = ops.matmul(there, tokens), ops.matmul(there, visible)
        return tokens + (1 - visible) * ops.cast(self.unseen, tokens.dtype)


def _in_rows(numbers, batch):
    return ops.broadcast_to(numbers[None], (batch, numbers.shape[0]))
