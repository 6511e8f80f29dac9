import keras
import pytest

import keras_vit.layers
from keras_vit.layers import (
    MLP,
    AddPositions,
    AttentionPool,
    ClassQueries,
    ClassTokenAndMeanPool,
    CompactTokenizer,
    ConvStem,
    DropPath,
    LayerScale,
    MaskProduct,
    MeanPool,
    PatchDropout,
    PatchEncoder,
    Patches,
    PixelShuffle,
    Points,
    RelativePositions,
    ResidualUnit,
    ResNetStem,
    SelfAttention,
    SequencePool,
    ShiftedPatches,
    StandardizedConv,
    TokenMap,
    TokenPool,
    TokenSlice,
    TokensToTokens,
    TransformerBlock,
)

TOKENS = (2, 7, 16)
CASES = [
    (Patches, dict(patch_size=2), (2, 4, 6, 3)),
    (ShiftedPatches, dict(patch_size=2), (2, 4, 6, 3)),
    (ConvStem, dict(patch_size=4, width=6), (2, 4, 8, 3)),
    (CompactTokenizer, dict(patch_size=4, width=6), (2, 4, 8, 3)),
    (TokensToTokens, dict(patch_size=4, token_width=6), (2, 8, 8, 3)),
    (TokensToTokens, dict(patch_size=8, token_width=6), (2, 16, 16, 3)),
    (ResNetStem, dict(patch_size=8, blocks=(1,), epsilons="flax"), (2, 16, 8, 3)),
    (ResidualUnit, dict(width=32, strides=2), (2, 4, 6, 3)),
    (ResidualUnit, dict(width=32, has_shortcut=False), (2, 2, 3, 128)),
    (StandardizedConv, dict(filters=6, size=3, strides=2), (2, 4, 6, 3)),
    (PixelShuffle, dict(patch_size=2), (2, 3, 2, 12)),
    (PatchEncoder, dict(width=16, grid=(2, 3)), (2, 6, 12)),
    (PatchEncoder, dict(width=16, grid=(2, 3), position="sincos_1d", dropout=0.1), (2, 6, 12)),
    (
        PatchEncoder,
        dict(width=16, grid=(2, 3), position="sincos_2d", class_token=False, num_registers=2),
        (2, 6, 12),
    ),
    (
        PatchEncoder,
        dict(width=16, grid=(2, 3), distillation_token=True, num_registers=3),
        (2, 6, 12),
    ),
    (PatchEncoder, dict(width=16, grid=(2, 3), position="none"), (2, 6, 12)),
    (PatchEncoder, dict(width=12, grid=(2, 3), project=False), (2, 6, 12)),
    (
        PatchEncoder,
        dict(width=16, grid=(2, 3), num_registers=1, prefix_positions=False, use_bias=False),
        (2, 6, 12),
    ),
    (SelfAttention, dict(num_heads=4), TOKENS),
    (SelfAttention, dict(num_heads=4, qkv_bias=False), TOKENS),
    (SelfAttention, dict(num_heads=2, dropout=0.1, attention_dropout=0.1), TOKENS),
    (SelfAttention, dict(num_heads=2, relative_grid=(7, 1)), TOKENS),
    (SelfAttention, dict(num_heads=2, locality=True), TOKENS),
    (RelativePositions, dict(grid=(2, 3)), (2, 4, 6, 6)),
    (MLP, dict(mlp_dim=24), TOKENS),
    (MLP, dict(mlp_dim=24, activation="quick_gelu"), TOKENS),
    (MLP, dict(mlp_dim=24, activation="swiglu"), TOKENS),
    (MLP, dict(mlp_dim=24, activation="gelu_tanh", dropout=0.1), TOKENS),
    (LayerScale, dict(initial_value=0.1), TOKENS),
    (DropPath, dict(rate=0.5), TOKENS),
    (PatchDropout, dict(rate=0.5, num_prefix_tokens=1), TOKENS),
    (TransformerBlock, dict(num_heads=4, mlp_dim=32), TOKENS),
    (
        TransformerBlock,
        dict(num_heads=4, mlp_dim=32, layer_scale=0.1, dropout=0.1, drop_path=0.2),
        TOKENS,
    ),
    (
        TransformerBlock,
        dict(num_heads=4, mlp_dim=32, grid=(4, 6), window=2, shift=1, relative_positions=True),
        (2, 24, 16),
    ),
    (TokenMap, dict(grid=(2, 3), num_prefix_tokens=1), TOKENS),
    (Points, dict(stride=4), (2, 3, 5, 2)),
    (ClassQueries, dict(num_classes=3), TOKENS),
    (MaskProduct, dict(num_classes=3), TOKENS),
    (AddPositions, dict(), TOKENS),
    (TokenSlice, dict(start=1, count=3), TOKENS),
    (TokenPool, dict(), TOKENS),
    (TokenPool, dict(index=1), TOKENS),
    (MeanPool, dict(num_prefix_tokens=1), TOKENS),
    (ClassTokenAndMeanPool, dict(num_prefix_tokens=2), TOKENS),
    (AttentionPool, dict(num_heads=4, mlp_dim=32), TOKENS),
]
# A number that is added to all scores does not change their softmax.
NO_BIAS = [(SequencePool, dict(), TOKENS, "layer/score/bias")]


@pytest.mark.parametrize("layer_class, arguments, input_shape", CASES)
def test_layer_keeps_the_contract(check_layer, layer_class, arguments, input_shape):
    check_layer(layer_class, {**arguments, "name": "layer"}, input_shape)


@pytest.mark.parametrize("layer_class, arguments, input_shape, without", NO_BIAS)
def test_layer_without_a_gradient_keeps_the_contract(
    check_layer, layer_class, arguments, input_shape, without
):
    check_layer(layer_class, {**arguments, "name": "layer"}, input_shape, no_gradient=[without])


@pytest.mark.parametrize("layer_class", [SelfAttention, TransformerBlock])
def test_qk_norm_keeps_the_contract(check_layer, layer_class):
    arguments = dict(num_heads=4, qk_norm=True, name="layer")
    inner = "layer"
    if layer_class is TransformerBlock:
        arguments["mlp_dim"] = 32
        inner = "layer/attention"
    # A shift common to all keys moves every score of a query alike, which softmax does not see.
    check_layer(layer_class, arguments, TOKENS, no_gradient=[f"{inner}/key_norm/beta"])


def test_every_layer_is_under_the_contract():
    public = {getattr(keras_vit.layers, name) for name in keras_vit.layers.__all__}
    layers = {item for item in public if isinstance(item, type)}
    assert all(issubclass(layer, keras.layers.Layer) for layer in layers)
    assert layers == {case[0] for case in CASES + NO_BIAS}
