"""Layers of a Vision Transformer, written only in `keras.ops`, so that any backend runs them."""

from keras_vit.layers.add_positions import AddPositions
from keras_vit.layers.attention import SelfAttention
from keras_vit.layers.block import TransformerBlock
from keras_vit.layers.conv_stems import CompactTokenizer, ConvStem
from keras_vit.layers.embed import PatchEncoder
from keras_vit.layers.masks import ClassQueries, MaskProduct
from keras_vit.layers.mlp import MLP
from keras_vit.layers.patches import Patches, PixelShuffle, patch_grid, patchify, unpatchify
from keras_vit.layers.points import Points
from keras_vit.layers.pool import (
    AttentionPool,
    ClassTokenAndMeanPool,
    MeanPool,
    SequencePool,
    TokenPool,
)
from keras_vit.layers.positions import sincos_1d, sincos_2d
from keras_vit.layers.regularize import DropPath, LayerScale, PatchDropout
from keras_vit.layers.relative import RelativePositions
from keras_vit.layers.resnet_stem import ResidualUnit, ResNetStem
from keras_vit.layers.shifted_patches import ShiftedPatches
from keras_vit.layers.standardized import StandardizedConv
from keras_vit.layers.token_map import TokenMap
from keras_vit.layers.token_slice import TokenSlice
from keras_vit.layers.tokens_to_tokens import TokensToTokens

__all__ = [
    "MLP",
    "AddPositions",
    "AttentionPool",
    "ClassQueries",
    "ClassTokenAndMeanPool",
    "CompactTokenizer",
    "ConvStem",
    "DropPath",
    "LayerScale",
    "MaskProduct",
    "MeanPool",
    "PatchDropout",
    "PatchEncoder",
    "Patches",
    "PixelShuffle",
    "Points",
    "RelativePositions",
    "ResNetStem",
    "ResidualUnit",
    "SelfAttention",
    "SequencePool",
    "ShiftedPatches",
    "StandardizedConv",
    "TokenMap",
    "TokenPool",
    "TokenSlice",
    "TokensToTokens",
    "TransformerBlock",
    "patch_grid",
    "patchify",
    "sincos_1d",
    "sincos_2d",
    "unpatchify",
]
