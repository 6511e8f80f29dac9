"""Semantic segmentation: heads that answer with a class for each pixel."""

import keras

from keras_vit.errors import UserError
from keras_vit.layers import ClassQueries, MaskProduct, TokenMap, TransformerBlock
from keras_vit.tasks.convolution import convolution
from keras_vit.tasks.depths import token_maps

HEADS = ("linear", "masks", "side")
DEPTH = 2  # blocks of the mask transformer, as in the paper


def segmenter(backbone, num_classes, *, head="linear", dropout=0.0, side_width=64):
    """Extends a backbone to a model from images `(B, H, W, C)` to logits `(B, H, W, K)`.

    The result is one flat model: the layers of the backbone, whose weights it shares, then those of
    the head. Logits are computed per patch, or per 4x4 pixels by `"side"`, and brought to the size
    of the image by bilinear interpolation.

    Args:
        backbone: A model that `keras_vit.models.vit` built, with its last norm and without
            `patch_dropout`.
        num_classes: Number of classes `K`.
        head: `"linear"`, one dense layer per patch; `"masks"`, a transformer of two blocks in which
            a token per class meets the patches ("Segmenter", arXiv:2105.05633); or `"side"`, small
            convolutions over the pixels that keep what is thinner than a patch, joined with the
            patches (the idea of "ViT-Adapter", arXiv:2205.08534).
        dropout: Rate of dropout before the logits, and in the blocks of `"masks"`.
        side_width: Channels of the convolutions of `"side"`.

    Returns:
        A `keras.Model` named `"segmenter"`.

    Raises:
        ValueError: If `head` is unknown, there is no class, the backbone lacks its last norm or
            drops patches, or `"side"` is to join patches whose side is no multiple of 4.
    """
    if head not in HEADS:
        raise UserError(f"`head` must be one of {', '.join(HEADS)}: received {head!r}.")
    if num_classes < 1:
        raise UserError(f"`num_classes` must be at least 1: received {num_classes}.")
    patches = token_maps(backbone, ["norm"]).output["norm"]  # B h w D
    stride = backbone.get_layer("patches").patch_size
    if head == "masks":
        logits = _masks(backbone, patches, num_classes, dropout)
    else:
        if head == "side":
            patches = _side(backbone, patches, stride, side_width)
            stride = 4
        x = keras.layers.Dropout(dropout, name="head_dropout")(patches)
        # float32 whatever the policy, as every head: a softmax needs more than 8 or 11 bits.
        # From zero, because patches after a trained norm can be large: all classes start alike.
        logits = keras.layers.Dense(
            num_classes, kernel_initializer="zeros", dtype="float32", name="head"
        )(x)
    logits = keras.layers.UpSampling2D(
        stride, interpolation="bilinear", dtype="float32", name="pixel_logits"
    )(logits)
    return keras.Model(backbone.input, logits, name="segmenter")


def _masks(backbone, patches, num_classes, dropout):
    """Returns logits `(B, h, w, K)` of patches `(B, h, w, D)` by Segmenter's mask transformer."""
    block = backbone.get_layer("block00")
    rows, columns, width = patches.shape[1:]
    x = keras.layers.Reshape((rows * columns, width), name="decoder_patches")(patches)
    x = keras.layers.Dense(width, name="decoder_projection")(x)
    x = ClassQueries(num_classes, name="queries")(x)
    for index in range(DEPTH):
        x = TransformerBlock(
            block.num_heads,
            4 * width,
            norm_epsilon=block.norm_epsilon,
            dropout=dropout,
            name=f"decoder{index:02d}",
        )(x)
    x = keras.layers.LayerNormalization(epsilon=block.norm_epsilon, name="decoder_norm")(x)
    x = MaskProduct(num_classes, dtype="float32", name="head")(x)
    return TokenMap((rows, columns), name="head_map")(x)


def _side(backbone, patches, stride, width):
    """Joins convolutions at a quarter of the image's size with patches: `(B, H/4, W/4, width)`."""
    if stride % 4:
        raise UserError(f"head='side' needs a patch_size that 4 divides: received {stride}.")
    x = backbone.get_layer("pixels").output
    x = convolution(width // 2, "side0", strides=2)(x)
    x = convolution(width, "side1", strides=2)(x)
    x = convolution(width, "side2")(x)
    y = keras.layers.Dense(width, name="side_patches")(patches)
    # Without it patches after a trained norm are ten times as large as the pixels that join them.
    y = keras.layers.LayerNormalization(epsilon=1e-6, name="side_patches_norm")(y)
    y = keras.layers.UpSampling2D(stride // 4, interpolation="bilinear", name="side_up")(y)
    x = keras.layers.Add(name="side_join")([x, y])
    x = convolution(width, "side3")(x)
    return convolution(width, "side4")(x)
