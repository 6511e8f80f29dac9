"""Inpainting: a model that fills holes in pictures."""

import keras
from keras import ops

from keras_vit.errors import UserError
from keras_vit.layers import PatchEncoder, Patches, TokenMap, TransformerBlock
from keras_vit.models import encode, patch_tokens
from keras_vit.tasks.pixel_head import written_pixels
from keras_vit.tasks.smooth_fill import SmoothFill
from keras_vit.tasks.visible_patches import AllPatches, KeepPatches, VisibleTokens

HALF = 127.5  # half of the range of pixels


def inpainter(
    config,
    *,
    decoder_width=128,
    decoder_depth=2,
    decoder_heads=4,
    kept=1.0,
    mean=0.5,
    std=0.5,
    dropout=0.0,
    drop_path=0.0,
):
    """Builds a model from images with holes `(B, H, W, C+1)` to whole ones `(B, H, W, C)`.

    The last channel of an image is alpha: 255 where pixels are known, 0 where they are missing.

    After "Masked Autoencoders Are Scalable Vision Learners" (arXiv:2111.06377): an encoder, the
    `vit` of the configuration, attends only to patches all of whose pixels are known. A lighter
    decoder gets its tokens at their places and a learned token for the other patches; to each it
    adds a projection of the patch's pixels, in which holes are filled smoothly (`SmoothFill`), and
    of what is known of them. A convolution over the patches writes the pixels, which are added to
    the smooth filling: before it is trained, the model is that. Known pixels are not changed.

    Args:
        config: A `keras_vit.models.ViTConfig` of the pictures without alpha; without `window`.
        decoder_width: Numbers per token of the decoder, a multiple of four and of `decoder_heads`.
        decoder_depth: Its number of blocks.
        decoder_heads: Its attention heads.
        kept: Share of the patches that the encoder takes in training, the known ones first; fewer
            than are known cost less. Elsewhere it takes all known ones.
        mean: As `keras_vit.models.vit` takes it.
        std: As `keras_vit.models.vit` takes it.
        dropout: Rate on the embedded tokens and after every dense layer of a block of the encoder.
        drop_path: Rate of stochastic depth in the encoder's last block, as `vit` takes it.

    Returns:
        A `keras.Model` named `"inpainter"`, whose encoder has the layers of `vit` by their names.
        Images and answers have pixels from 0 to 255; the answers are float32 and may lie a little
        beyond where pixels are missing.

    Raises:
        ValueError: If attention stays within windows, the stem sees beyond a patch, patches are
            left out before positions between blocks, or a number is out of its range.
    """
    if config.window is not None:
        raise UserError(
            f"Inpainting needs attention to all patches: received window={config.window}."
        )
    if config.stem != "linear":
        raise UserError(
            f"A stem that sees beyond a patch sees into holes: received stem={config.stem!r}."
        )
    if kept < 1 and config.mid_positions:
        raise UserError(
            f"Positions between blocks need every patch: received kept={kept} with them."
        )
    (rows, columns), size = config.grid, config.patch_size
    images = keras.Input((*config.image_size, config.channels + 1), name="images")
    picture, known = KnownPixels(dtype="float32", name="known")(images)
    smooth = SmoothFill(dtype="float32", name="smooth")(picture, known)

    tokens = patch_tokens(picture, config, mean=mean, std=std, dropout=dropout)
    before = dict(num_prefix_tokens=tokens.shape[1] - rows * columns)
    visible = VisibleTokens(size, **before, name="visible")(known)
    x, visible, places = KeepPatches(kept, **before, name="kept")(tokens, visible)
    x = encode(x, config, visible=visible, dropout=dropout, drop_path=drop_path)

    x = keras.layers.Dense(decoder_width, name="to_decoder")(x)
    x = AllPatches(rows * columns, **before, name="all_patches")(x, visible, places)
    pixels = keras.layers.Rescaling(1 / HALF, -1, dtype="float32", name="smooth_pixels")(smooth)
    pixels = keras.layers.Concatenate(dtype="float32", name="what_is_known")([pixels, known])
    pixels = Patches(size, name="decoder_patches")(pixels)
    pixels = PatchEncoder(
        decoder_width,
        grid=config.grid,
        class_token=False,
        position="sincos_2d",
        name="decoder_embed",
    )(pixels)
    x = keras.layers.Add(name="decoder_tokens")([x, pixels])
    for index in range(decoder_depth):
        x = TransformerBlock(decoder_heads, 4 * decoder_width, name=f"decoder{index:02d}")(x)
    x = keras.layers.LayerNormalization(epsilon=config.norm_epsilon, name="decoder_norm")(x)
    x = TokenMap(config.grid, name="map")(x)
    x = written_pixels(x, size, config.channels)  # from zero: the first answer is the smooth one
    x = FillHoles(dtype="float32", name="filled")(picture, known, smooth, x)
    return keras.Model(images, x, name="inpainter")


@keras.saving.register_keras_serializable("keras_vit")
class KnownPixels(keras.layers.Layer):
    """Splits images `(B, H, W, C+1)` into pictures and alpha; has no weights.

    Returns pictures `(B, H, W, C)`, 0 where pixels are missing, and 1 where alpha is at least 128
    and else 0, `(B, H, W, 1)`.
    """

    def call(self, images):
        picture, alpha = images[..., :-1], images[..., -1:]
        known = ops.cast(alpha > HALF, picture.dtype)
        return picture * known, known


@keras.saving.register_keras_serializable("keras_vit")
class FillHoles(keras.layers.Layer):
    """Puts what is found into the holes of pictures `(B, H, W, C)`; has no weights."""

    def call(self, picture, known, smooth, difference):
        """Fills the holes.

        Args:
            picture: Pixels, 0 where they are missing.
            known: 1 where pixels are known and else 0, `(B, H, W, 1)`.
            smooth: What the holes are filled with.
            difference: What is added to that, in units of half the range of pixels.

        Returns:
            Pictures `(B, H, W, C)`; known pixels are as they were.
        """
        return picture + (1 - known) * (smooth + HALF * difference)
