import dataclasses

import keras
import numpy as np
import pytest

from keras_vit.errors import UserError
from keras_vit.models import SIZES, ViTConfig, vit
from keras_vit.tasks import classifier

# At 224 pixels, 1000 classes, class token; as published by timm 1.0 and in the papers' tables.
PARAMETERS = {
    "Ti/16": 5_717_416,
    "S/16": 22_050_664,
    "S/32": 22_878_952,
    "B/8": 86_576_872,
    "B/16": 86_567_656,
    "B/32": 88_224_232,
    "L/16": 304_326_632,
    "H/14": 632_045_800,
    "g/14": 1_012_611_432,
    "mu/16": 76_712,
}


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_the_official_number(name):
    """Blocks are alike, so a large model is counted from the same model with one and two blocks."""
    size = SIZES[name.partition("/")[0]]
    depth = size["depth"]
    if size["width"] <= 192:
        assert classifier(vit(name), 1000).count_params() == PARAMETERS[name]
    else:
        one, two = (classifier(vit(name, depth=d), 1000).count_params() for d in (1, 2))
        assert one + (depth - 1) * (two - one) == PARAMETERS[name]


@pytest.mark.tensorflow
@pytest.mark.slow
@pytest.mark.parametrize("name", ["S/16", "B/16"])
def test_a_large_model_built_whole_has_the_official_number(name):
    assert classifier(vit(name), 1000).count_params() == PARAMETERS[name]


def test_every_size_has_a_parameter_count():
    assert {name.partition("/")[0] for name in PARAMETERS} == set(SIZES)


def test_the_graph_is_flat_with_stable_names():
    model = classifier(vit("mu/4", image_size=8, depth=3), 5)
    assert [layer.name for layer in model.layers] == [
        "images", "pixels", "patches", "embed", "block00", "block01", "block02", "norm", "pool",
        "head",
    ]  # fmt: skip


def test_weight_paths_do_not_depend_on_what_was_built_before():
    first, second = ([w.path for w in vit("mu/4", image_size=8).weights] for _ in range(2))
    assert first == second
    assert "block00/attention/qkv/kernel" in first


@pytest.mark.parametrize("channels, image_size", [(1, (8, 12)), (3, (16, 4)), (7, 8)])
def test_any_channels_and_sides(channels, image_size):
    model = vit("mu/4", image_size=image_size, channels=channels)
    images = np.zeros((2, *model.input_shape[1:]), "uint8")
    rows, columns = ViTConfig.of("mu/4", image_size=image_size).grid
    assert model(images).shape == (2, 1 + rows * columns, 32)


def test_uint8_and_float_pixels_give_the_same_tokens():
    model = vit("mu/4", image_size=8)
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype("uint8")
    np.testing.assert_array_equal(model(images), model(images.astype("float32")))
    np.testing.assert_allclose(model.predict(images, verbose=0), model(images), atol=1e-5)


def test_pixels_are_rescaled_by_mean_and_standard_deviation():
    model = vit("mu/4", image_size=8, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 1.0))
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype("uint8")
    expected = (images / 255 - [0.1, 0.2, 0.3]) / [0.5, 0.25, 1.0]
    np.testing.assert_allclose(model.get_layer("pixels")(images), expected, atol=1e-5)
    plain = vit("mu/4", image_size=8).get_layer("pixels")(images)
    np.testing.assert_allclose(plain, images / 127.5 - 1, atol=1e-5)


def test_grey_images_are_no_input_of_a_colour_model():
    model = vit("mu/4", image_size=8)
    with pytest.raises(ValueError):
        model.predict(np.zeros((2, 8, 8, 1)), verbose=0)


def test_numpys_integers_are_integers():
    config = ViTConfig.of("mu/4", image_size=np.int64(8), width=np.int64(64))
    assert config == ViTConfig.of("mu/4", image_size=(8, 8), width=64)
    assert type(config.width) is int


def test_drop_path_grows_linearly_with_depth():
    model = vit("mu/4", image_size=8, depth=5, drop_path=0.2)
    rates = [model.get_layer(f"block{i:02d}").drop_path.rate for i in range(5)]
    np.testing.assert_allclose(rates, [0, 0.05, 0.1, 0.15, 0.2])
    alone = vit("mu/4", image_size=8, depth=1, drop_path=0.2)
    assert alone.get_layer("block00").drop_path.rate == 0.2


def test_a_name_and_its_configuration_build_the_same():
    config = ViTConfig(image_size=(8, 8), patch_size=4, width=32, depth=1, mlp_dim=128, num_heads=2)
    assert ViTConfig.of("mu/4", image_size=8) == config
    assert vit(config).count_params() == vit("mu/4", image_size=8).count_params()
    assert vit(config, channels=1).input_shape == (None, 8, 8, 1)


def test_every_option_of_the_configuration_reaches_the_model(tmp_path):
    options = dict(
        class_token=False, distillation_token=True, num_registers=3, position="sincos_1d",
        prefix_positions=False, mid_positions=True, patch_bias=False, pre_norm=True,
        final_norm=False, activation="gelu_tanh", norm_epsilon=1e-5, qkv_bias=False, qk_norm=True,
        layer_scale=0.1, stem="conv", locality=True,
    )  # fmt: skip
    others = {"image_size", "patch_size", "channels", "window", "global_blocks"}
    others |= {"stem_blocks", "stem_epsilons"}  # of one stem only
    fields = {field.name for field in dataclasses.fields(ViTConfig)}
    assert set(options) | set(SIZES["mu"]) | others == fields
    plain = vit("mu/4", image_size=8, depth=2)
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype("uint8")
    shapes = [(w.path, w.shape) for w in plain.weights]
    for name, value in options.items():
        model = vit("mu/4", image_size=8, depth=2, **{name: value})
        if [(w.path, w.shape) for w in model.weights] == shapes:
            model.set_weights(plain.get_weights())
            assert np.abs(np.asarray(model(images)) - np.asarray(plain(images))).max() > 1e-6, name
    model = vit("mu/4", image_size=8, depth=2, **options)
    assert model(images).shape == (2, 1 + 3 + 4, 32)
    model.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(reloaded(images), model(images))


@pytest.mark.parametrize("name", ["XL/16", "S", "S/", "S/sixteen", "16/S", ""])
def test_an_unknown_name_is_refused(name):
    with pytest.raises(ValueError, match="one of mu, Ti, S, B, L, H, g, a slash and the patch"):
        vit(name)


@pytest.mark.parametrize(
    "wrong, message",
    [
        (dict(image_size=30), "patch_size=4, image 30x30"),
        (dict(num_heads=5), "num_heads=5, width=32"),
        (dict(depth=0), "`depth` must be at least 1: received 0"),
        (dict(channels=0), "`channels` must be at least 1"),
        (dict(position="rotary"), "received 'rotary'"),
        (dict(image_size=(8, 8, 3)), r"one side or two: received \(8, 8, 3\)"),
        (dict(image_size="8"), "`image_size` must be an integer: received '8'"),
        (dict(image_size=0), "`image_size` must be at least 1"),
        (dict(patch_size=4.0), "`patch_size` must be an integer: received 4.0"),
        (dict(num_registers=-1), "`num_registers` must be at least 0: received -1"),
        (dict(norm_epsilon=-1), "`norm_epsilon` must lie between 0 and 1: received -1"),
        (dict(drop_path=1.0), r"`drop_path` must lie in \[0, 1\): received 1.0"),
        (dict(std=0), "`std` must be above 0"),
        (dict(mean=(0.5, 0.5)), r"`mean` must be one number or one per channel: received \(0.5"),
    ],
)
def test_a_contradiction_is_refused_in_a_sentence(wrong, message):
    with pytest.raises(ValueError, match=message):
        vit("mu/4", **{"image_size": 8, **wrong})


def test_an_unknown_field_is_refused():
    with pytest.raises(TypeError, match="patchsize"):
        vit("mu/4", patchsize=8)


@pytest.mark.parametrize("name", ["dropout", "attention_dropout", "drop_path", "patch_dropout"])
@pytest.mark.parametrize("rate", [-0.1, 1.0, 2.0, float("nan")])
def test_a_rate_out_of_its_range_is_a_sentence(name, rate):
    with pytest.raises(UserError, match=rf"`{name}` must lie in \[0, 1\): received {rate}"):
        vit("mu/4", image_size=8, **{name: rate})


def test_positions_between_blocks_come_after_all_but_the_last_and_need_every_patch():
    model = vit("mu/4", image_size=8, depth=3, num_registers=2, mid_positions=True)
    names = [layer.name for layer in model.layers][4:]
    assert names == ["block00", "positions00", "block01", "positions01", "block02", "norm"]
    assert model.get_layer("positions01").positions.shape == (1, 1 + 2 + 4, 32)
    with pytest.raises(ValueError, match="need every patch: received mid_positions=True with"):
        vit("mu/4", image_size=8, mid_positions=True, patch_dropout=0.5)


def test_windows_alternate_and_are_shifted():
    shape = dict(image_size=16, patch_size=2, width=8, depth=3, mlp_dim=8, num_heads=2)
    model = vit(ViTConfig(**shape, class_token=False, position="none", window=4))
    blocks = [model.get_layer(f"block{index:02d}") for index in range(3)]
    assert [block.windows["shift"] for block in blocks] == [0, 2, 0]
    assert all(block.attention.relative.grid == (4, 4) for block in blocks)
    alone = vit(ViTConfig(**shape, class_token=False, window=8))
    assert [alone.get_layer(f"block{index:02d}").windows["shift"] for index in range(3)] == [0] * 3
    assert alone(np.zeros((1, 16, 16, 3))).shape == (1, 64, 8)


def test_some_blocks_attend_globally_and_the_windows_of_others_stay_in_place():
    shape = dict(image_size=16, class_token=False, window=4)
    for depth, count, expected in ((12, 4, [2, 5, 8, 11]), (3, 2, [1, 2]), (2, 0, []), (1, 1, [0])):
        model = vit("mu/2", **shape, depth=depth, global_blocks=count)
        blocks = [model.get_layer(f"block{index:02d}") for index in range(depth)]
        assert [index for index, block in enumerate(blocks) if not block.windows] == expected
        assert all(block.attention.relative is None for block in blocks)
        assert not any(block.windows["shift"] for block in blocks if block.windows)
    with pytest.raises(ValueError, match="needs a `window` and at most 1 blocks: .*=2"):
        vit("mu/2", **shape, global_blocks=2)
    with pytest.raises(ValueError, match="received window=None"):
        vit("mu/2", image_size=16, global_blocks=1)
