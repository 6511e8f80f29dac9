"""Masked autoencoder: an encoder learns only from pictures, by writing what it does not see."""

import keras
from keras import ops

from keras_vit.errors import UserError
from keras_vit.layers import PatchEncoder, TransformerBlock
from keras_vit.models import encode, patch_tokens, vit
from keras_vit.tasks.visible_patches import AllPatches, MaskPatches


def masked_autoencoder(
    config,
    *,
    masked=0.75,
    decoder_width=128,
    decoder_depth=2,
    decoder_heads=4,
    mean=0.5,
    std=0.5,
):
    """Builds a model from images `(B, H, W, C)` to its patches and its mask, `(B, N, P*P*C + 1)`.

    "Masked Autoencoders Are Scalable Vision Learners" (arXiv:2111.06377): the encoder, the `vit` of
    the configuration, gets only the patches that are not masked, a random quarter, other ones in
    each training step. A lighter decoder gets its tokens at their places, a learned token for each
    masked patch, and positions; one dense layer writes the pixels. The last number of a patch is 1
    if it was masked, else 0. Prefix tokens do not reach the decoder, so that a class token would
    learn only what others attend to: pool the patches.

    Without decoder blocks it is SimMIM (arXiv:2111.09886): the encoder gets all patches, with one
    learned patch in place of each masked one, which is projected and gets its position as others
    do; and its tokens go straight into that dense layer.

    Args:
        config: A `keras_vit.models.ViTConfig` with the stem `"linear"`, without `window`.
        masked: Share of the patches that is masked, in `(0, 1)`.
        decoder_width: Numbers per token of the decoder, a multiple of four and of `decoder_heads`.
        decoder_depth: Its number of blocks; 0 is SimMIM, without width and heads of a decoder.
        decoder_heads: Its attention heads.
        mean: As `keras_vit.models.vit` takes it.
        std: As `keras_vit.models.vit` takes it.

    Returns:
        A `keras.Model` named `"masked_autoencoder"`, whose encoder has the layers of `vit` by their
        names; `encoder_of` copies it. Pixels are written as `keras_vit.tasks.patch_loss.normed`
        makes them, float32.

    Raises:
        ValueError: If attention stays within windows, the stem sees beyond a patch, there are
            positions between blocks, or a number is out of its range.
    """
    for name, value in (
        ("window", config.window),
        ("stem", config.stem != "linear" and config.stem),
        ("mid_positions", config.mid_positions),
    ):
        if value:
            raise UserError(f"Patches cannot be masked with {name}={value}.")
    if not 0 < masked < 1:
        raise UserError(f"`masked` must lie in (0, 1): received {masked}.")
    count = config.grid[0] * config.grid[1]
    images = keras.Input((*config.image_size, config.channels), name="images")
    pixels = dict(mean=mean, std=std)
    if decoder_depth:
        decoder = dict(width=decoder_width, depth=decoder_depth, heads=decoder_heads)
        x, places = _seen_tokens(images, config, masked, pixels, **decoder)
    else:
        x, places = _all_tokens(images, config, masked, pixels)
    numbers = config.patch_size**2 * config.channels
    x = keras.layers.Dense(numbers, dtype="float32", name="pixels_of_patches")(x)
    is_masked = 1 - ops.sum(ops.one_hot(places, count, dtype="float32"), axis=1)  # B N
    x = ops.concatenate([x, ops.expand_dims(is_masked, -1)], axis=-1)
    return keras.Model(images, x, name="masked_autoencoder")


def _seen_tokens(images, config, masked, pixels, *, width, depth, heads):
    """Returns the tokens of a decoder `(B, N, width)`, and the places `(B, K)` that are seen."""
    count = config.grid[0] * config.grid[1]
    tokens = patch_tokens(images, config, **pixels)
    before = dict(num_prefix_tokens=tokens.shape[1] - count)
    x, seen, places = MaskPatches(masked, **before, name="mask")(tokens)
    x = encode(x, config)
    x = keras.layers.Dense(width, name="to_decoder")(x)
    x = AllPatches(count, **before, name="all_patches")(x, seen, places)
    x = PatchEncoder(
        width,
        grid=config.grid,
        class_token=False,
        position="sincos_2d",
        project=False,
        name="decoder_embed",
    )(x)
    for index in range(depth):
        x = TransformerBlock(heads, 4 * width, name=f"decoder{index:02d}")(x)
    x = keras.layers.LayerNormalization(epsilon=config.norm_epsilon, name="decoder_norm")(x)
    return x, places


def _all_tokens(images, config, masked, pixels):
    """Returns the encoder's tokens of all patches `(B, N, D)`, and the places that are seen."""
    seen, count = [], config.grid[0] * config.grid[1]

    def change(patches):
        kept, ones, places = MaskPatches(masked, name="mask")(patches)
        seen.append(places)
        return AllPatches(count, name="all_patches")(kept, ones, places)

    x = encode(patch_tokens(images, config, **pixels, change=change), config)
    return x[:, x.shape[1] - count :], seen[0]


def encoder_of(model, config, *, mean=0.5, std=0.5):
    """Copies the encoder of a masked autoencoder.

    Args:
        model: A model with the layers of `vit` by their names, such as `masked_autoencoder`.
        config: The `ViTConfig` of its encoder.
        mean: As `vit` takes it.
        std: As `vit` takes it.

    Returns:
        A `vit` with weights of its own, which sees all patches.
    """
    backbone = vit(config, mean=mean, std=std)
    for layer in backbone.layers:
        if layer.weights:
            layer.set_weights(model.get_layer(layer.name).get_weights())
    return backbone
