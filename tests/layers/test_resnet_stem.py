"""The stem of hybrids against loops of NumPy, and published numbers of parameters."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_vit.errors import UserError
from keras_vit.layers import ResidualUnit, ResNetStem, StandardizedConv
from keras_vit.models import ViTConfig, vit
from keras_vit.tasks import classifier

RNG = np.random.default_rng(0)


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


def test_a_standardised_convolution_by_hand():
    """Filters 1, 3 and 2, 2 over two channels: one becomes -1, 1, and one that is flat 0, 0."""
    layer = StandardizedConv(2, 1)
    layer.build((None, 1, 1, 2))
    layer.kernel.assign(np.array([[1, 2], [3, 2]])[None, None])
    np.testing.assert_allclose(numpy(layer(np.array([[[[5.0, 9.0]]]]))).ravel(), [4, 0], atol=1e-6)


@pytest.mark.parametrize(
    "added, deviation",
    [
        (dict(under_root=1e-8), lambda kernel: np.sqrt(kernel.var(axis=(0, 1, 2)) + 1e-8)),
        (dict(under_root=0.0, beside_root=1e-5), lambda kernel: kernel.std(axis=(0, 1, 2)) + 1e-5),
    ],
    ids=["timm", "flax"],
)
def test_standardised_convolutions_see_zeros_outside(added, deviation):
    layer = StandardizedConv(4, 3, strides=2, **added)
    maps = RNG.normal(size=(1, 4, 6, 3)).astype("float32")
    layer.build(maps.shape)
    kernel = 1e-4 * RNG.normal(1, 1, layer.kernel.shape)  # where what is added counts
    layer.kernel.assign(kernel)
    kernel = (kernel - kernel.mean(axis=(0, 1, 2))) / deviation(kernel)
    around = np.pad(maps, ((0, 0), (0, 1), (0, 1), (0, 0)))  # at even sizes, at the end only
    expected = [
        [np.einsum("yxc,yxcf->f", around[0, y : y + 3, x : x + 3], kernel) for x in (0, 2, 4)]
        for y in (0, 2)
    ]
    np.testing.assert_allclose(numpy(layer(maps))[0], expected, rtol=1e-4, atol=1e-4)
    before = numpy(layer(maps))
    layer.fold()
    np.testing.assert_allclose(numpy(layer.kernel), kernel, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(numpy(layer(maps)), before, atol=1e-6)


def test_kernels_are_standardised_in_float32_whatever_the_precision():
    """The deviation of a filter far from 0 is beyond the digits of bfloat16."""
    layer = StandardizedConv(2, 1, dtype="mixed_bfloat16")
    layer.build((None, 1, 1, 2))
    layer.kernel.assign(np.array([[1000, 0], [1001, 1]])[None, None])
    np.testing.assert_allclose(numpy(layer.standardized())[0, 0], [[-1, -1], [1, 1]], atol=1e-5)


def test_a_unit_adds_nothing_at_first():
    unit = ResidualUnit(32, has_shortcut=False)
    maps = RNG.uniform(size=(1, 2, 3, 128)).astype("float32")
    np.testing.assert_array_equal(numpy(unit(maps)), maps)
    unit.norms[-1].gamma.assign(np.ones(128))
    assert np.abs(numpy(unit(maps)) - maps).max() > 0.1


@pytest.mark.parametrize(
    "blocks, patch_size, channels", [((), 4, 64), ((), 8, 4 * 64), ((1,), 4, 256), ((1, 1), 8, 512)]
)
def test_each_stage_after_the_first_halves_the_sides(blocks, patch_size, channels):
    model = keras.Sequential([keras.Input((16, 24, 3)), ResNetStem(patch_size, blocks=blocks)])
    assert model.output_shape == (None, 16 * 24 // patch_size**2, channels)


PUBLISHED = [  # timm's `sum(each.numel() for each in model.parameters())`, with 1,000 classes
    ("Ti/32", 224, (), 6_337_704),  # vit_tiny_r_s16_p8_224
    ("S/32", 224, (2, 2, 2, 2), 36_431_912),  # vit_small_r26_s32_224
    ("B/32", 224, (2, 2, 2, 2), 101_383_976),  # vit_base_r26_s32_224
    ("B/16", 384, (3, 4, 9), 98_950_952),  # vit_base_r50_s16_384
    ("L/32", 224, (3, 4, 6, 3), 328_994_856),  # vit_large_r50_s32_224
]


@pytest.mark.parametrize(
    "name, size, blocks, published",
    [
        pytest.param(*each, marks=[] if place < 2 else pytest.mark.slow)
        for place, each in enumerate(PUBLISHED)
    ],
)
def test_hybrids_have_the_published_numbers_of_parameters(name, size, blocks, published):
    shape = dict(image_size=size, stem="resnet", stem_blocks=blocks)
    with keras.StatelessScope(initialize_variables=False):  # weights without memory
        model = classifier(vit(name, **shape), 1000)
    assert sum(np.prod(weight.shape) for weight in model.weights) == published


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(stem_blocks=(1, 1)), r"stem_blocks=\(1, 1\) needs .* multiple of 8: received 4"),
        (dict(patch_size=2), r"stem_blocks=\(\) needs .* multiple of 4: received 2"),
        (dict(stem_blocks=2), "`stem_blocks` must be a tuple: received 2"),
        (dict(stem_blocks=(1, 0)), "`stem_blocks` must be at least 1: received 0"),
        (dict(stem_blocks=(1,) * 5), "up to 4 stages of at least one unit"),
        (dict(stem_epsilons="jax"), "`stem_epsilons` must be one of timm, flax: received 'jax'"),
        (dict(stem="conv", stem_blocks=(1,)), "those of stem='resnet': received stem='conv'"),
        (dict(stem="linear", stem_epsilons="flax"), "received stem='linear'"),
    ],
)
def test_what_a_residual_network_is_not_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        ViTConfig.of("mu/4", image_size=32, **{"stem": "resnet", **options})
