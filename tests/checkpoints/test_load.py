"""Loading at another size, with another head, from odd files; and what is refused."""

import json

import keras
import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file
from test_golden import read, write
from thinned import thinned

from keras_vit.checkpoints import architecture_of, export_timm, load, recognise, timm
from keras_vit.inference import open_artefact
from keras_vit.models import vit
from keras_vit.tasks import class_names_of, classifier, features
from keras_vit.training import add_lora


@pytest.fixture
def timm_vit(tmp_path):
    """A timm checkpoint of 16 pixels, patches of 8, five classes; its images and outputs."""
    images, outputs, arrays = read("timm_vit")
    return write(tmp_path, "timm_vit", arrays), images, outputs


def test_what_was_found_is_told(timm_vit):
    found = recognise(timm_vit[0], num_heads=2)
    assert (found.format, found.architecture.num_classes) == ("timm", 5)
    assert found.architecture.config.image_size == (16, 16)
    assert found.architecture.pool == "class_token"


def test_a_new_head_and_another_size_keep_all_other_weights(tmp_path, timm_vit):
    model = load(
        timm_vit[0],
        num_heads=2,
        image_size=(24, 32),
        patch_size=4,
        channels=1,
        num_classes=7,
        class_names=list("abcdefg"),
        drop_path=0.2,
    )
    assert model.output_shape == (None, 7)
    plain = load(timm_vit[0], num_heads=2)
    kept = {w.path: w.numpy() for w in plain.weights if w.path.startswith(("block", "norm"))}
    for weight in model.weights:
        if weight.path in kept:
            np.testing.assert_array_equal(weight.numpy(), kept.pop(weight.path))
    assert not kept
    model.save(tmp_path / "new.keras")
    again = keras.saving.load_model(tmp_path / "new.keras")
    images = np.random.default_rng(0).integers(0, 256, (2, 24, 32, 1)).astype("uint8")
    np.testing.assert_array_equal(again(images), model(images))
    assert again.get_layer("head").class_names == list("abcdefg")


def test_registers_of_another_number_are_new(timm_vit):
    path, images, _ = timm_vit
    plain, more = (
        load(path, num_heads=2, num_classes=0, num_registers=count) for count in (None, 3)
    )
    few, many = (keras.Model(x.input, x.get_layer("embed").output)(images) for x in (plain, more))
    np.testing.assert_array_equal(many[:, :1], few[:, :1])  # the class token
    np.testing.assert_array_equal(many[:, 1 + 3 :], few[:, 1:])


def test_windows_leave_prefix_tokens_out_and_one_that_covers_the_grid_changes_nothing(timm_vit):
    how = dict(num_heads=2, num_classes=0, image_size=32)
    whole, covered, small = (
        load(timm_vit[0], window=window, global_blocks=count, **how)
        for window, count in ((4, 99), (4, 0), (2, 0))
    )
    assert not any("class_token" in weight.path for weight in whole.weights)
    positions = load(timm_vit[0], **how).get_layer("embed").positions
    np.testing.assert_array_equal(whole.get_layer("embed").positions, positions[:, 1:])
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype("uint8")
    expected = whole(images)
    np.testing.assert_allclose(covered(images), expected, atol=1e-5)
    assert np.abs(small(images) - expected).max() > 1e-2


def test_grey_images_are_seen_as_grey_colours(timm_vit):
    path, images, _ = timm_vit
    colour, grey = load(path, num_heads=2), load(path, num_heads=2, channels=1)
    one = images[..., :1]
    expected = colour(np.repeat(one, 3, axis=-1))
    np.testing.assert_allclose(grey(one), expected, rtol=1e-4, atol=1e-5)


def test_our_own_models_are_loaded_at_another_size(tmp_path):
    model = classifier(vit("mu/4", image_size=8), 3, class_names=["a", "b", "c"])
    model.save(tmp_path / "model.keras")
    same = load(tmp_path / "model.keras")
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype("uint8")
    np.testing.assert_array_equal(same(images[:, :8, :8]), model(images[:, :8, :8]))
    assert same.get_layer("head").class_names == ["a", "b", "c"]
    larger = load(tmp_path / "model.keras", image_size=16)
    assert larger(images).shape == (2, 3)
    positions = larger.get_layer("embed").positions
    assert positions.shape == (1, 17, 32)
    with pytest.raises(ValueError, match="takes no num_heads"):
        load(tmp_path / "model.keras", num_heads=2)


def test_features_without_a_head(timm_vit):
    path, images, _ = timm_vit
    model = load(path, num_heads=2, num_classes=0)
    pooled = keras.Model(
        *(lambda m: (m.input, m.get_layer("pool").output))(load(path, num_heads=2))
    )
    np.testing.assert_array_equal(model(images), pooled(images))
    mean = load(path, num_heads=2, num_classes=0, pool="mean")
    assert mean(images).shape == (3, 16)


MODELS = [
    dict(),
    dict(class_token=False, position="sincos_2d"),
    dict(num_registers=2, distillation_token=True, layer_scale=0.1, qk_norm=True),
    dict(pre_norm=True, patch_bias=False, activation="quick_gelu", norm_epsilon=1e-5),
    dict(final_norm=False, qkv_bias=False, activation="swiglu", prefix_positions=False),
    dict(num_registers=2, depth=2, mid_positions=True),
    dict(class_token=False, depth=3, patch_size=2, window=2, global_blocks=1),
    dict(class_token=False, position="none", depth=2, patch_size=2, window=2),
    dict(stem="conv", locality=True),
    dict(stem="cct"),
    dict(stem="resnet", stem_blocks=(1,), stem_epsilons="flax"),
]


POOLS = ["class_token", "mean", "class_token_and_mean", "attention", "sequence", None]
# Each model with one pool in the fast suite, and with another one in the slow suite.
PAIRS = [
    pytest.param(options, POOLS[(row + further) % len(POOLS)], marks=marks)
    for row, options in enumerate(MODELS)
    for further, marks in ((0, []), (2, [pytest.mark.slow]))
]


@pytest.mark.parametrize("options, pool", PAIRS)
def test_the_architecture_of_a_model_rebuilds_it(options, pool):
    if pool in ("class_token", "class_token_and_mean") and not options.get("class_token", True):
        pool = "mean"
    backbone = vit("mu/4", image_size=8, mean=(0.1, 0.2, 0.3), std=0.4, **options)
    model = backbone if pool is None else features(backbone, pool=pool)
    again = architecture_of(model).build()
    again.set_weights(model.get_weights())
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype("uint8")
    np.testing.assert_allclose(again(images), model(images), atol=1e-6)
    assert architecture_of(again) == architecture_of(model)


def test_another_model_has_no_architecture():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)], name="mine")
    with pytest.raises(ValueError, match="'mine' is no Vision Transformer of keras_vit"):
        architecture_of(model)


def test_shards_bfloat16_and_a_configuration_beside(tmp_path):
    images, outputs, arrays = read("hf_vit")
    names = sorted(arrays)
    places = {}
    for number, part in enumerate((names[:10], names[10:])):
        file = f"model-{number}.safetensors"
        save_file({name: np.ascontiguousarray(arrays[name]) for name in part}, tmp_path / file)
        places.update(dict.fromkeys(part, file))
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": places}))
    (tmp_path / "config.json").write_text(
        json.dumps({"num_attention_heads": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu"})
    )
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps({"image_mean": [0.5] * 3, "image_std": [0.5] * 3})
    )
    for source in (tmp_path, index):
        np.testing.assert_allclose(load(source)(images), outputs, rtol=1e-5, atol=1e-5)

    half = {name: array.astype(ml_dtypes.bfloat16) for name, array in arrays.items()}
    np.savez(tmp_path / "half.npz", **half)
    rounded = recognise(tmp_path / "half.npz").arrays
    for name, array in half.items():
        np.testing.assert_array_equal(rounded[name.removeprefix("vit.")], array.astype("float32"))

    index.write_text(json.dumps({"weight_map": {**places, "more": "model-0.safetensors"}}))
    with pytest.raises(ValueError, match="disagree about more"):
        load(index)
    index.write_text(json.dumps({"weight_map": {"a": "../model.safetensors"}}))
    with pytest.raises(ValueError, match="which is not beside it"):
        load(index)


@pytest.mark.parametrize(
    "file, told, message",
    [
        ("config.json", "{", "config.json holds no JSON"),
        ("config.json", "[1]", r"must hold a JSON object: received \[1\]"),
        ("config.json", '{"num_attention_heads": "2"}', "must be an integer: received '2'"),
        ("config.json", '{"layer_norm_eps": "1e-6"}', "layer_norm_eps must be a number"),
        ("config.json", '{"hidden_act": ["gelu"]}', "hidden_act must be a text"),
        ("config.json", '{"hidden_act": "relu"}', "hidden_act='relu', which is unknown"),
        ("config.json", '{"image_size": [16, null]}', "image_size must be integers"),
        ("config.json", '{"id2label": ["cat"]}', "id2label must be an object"),
        ("preprocessor_config.json", '{"image_mean": "0.5"}', "image_mean must be numbers"),
        ("preprocessor_config.json", '{"image_std": [1, null, 1]}', "image_std must be numbers"),
    ],
)
def test_an_odd_configuration_is_refused(tmp_path, file, told, message):
    source = write(tmp_path, "hf_vit", read("hf_vit")[2])
    (tmp_path / file).write_text(told)
    with pytest.raises(ValueError, match=message):
        recognise(source, num_heads=2)


@pytest.mark.parametrize(
    "told",
    ["[]", '"x"', '{"mean": 0.5}', '{"std": ["1"]}', '{"input_size": 224}', '{"mean": [true]}'],
)
def test_an_odd_configuration_of_timm_is_refused(tmp_path, timm_vit, told):
    (tmp_path / "config.json").write_text(f'{{"pretrained_cfg": {told}}}')
    with pytest.raises(ValueError, match="A configuration's .* must be .*: received "):
        recognise(timm_vit[0], num_heads=2)


def test_a_size_of_one_side_tells_nothing(tmp_path):
    source = write(tmp_path, "hf_vit", read("hf_vit")[2])
    (tmp_path / "config.json").write_text('{"image_size": [16]}')
    assert recognise(source, num_heads=2).architecture.config.image_size == (16, 16)


def test_a_configuration_names_the_classes(tmp_path):
    source = write(tmp_path, "hf_vit", read("hf_vit")[2])
    names = ["crane", "cat", "crane", "dog", "cow"]
    for told, expected in (
        (dict(enumerate(names)), names),
        (dict(enumerate(names[:4])), None),  # of another head
        ({index: f"LABEL_{index}" for index in range(5)}, None),
        ({index + 1: name for index, name in enumerate(names)}, None),
    ):
        (tmp_path / "config.json").write_text(json.dumps({"id2label": told}))
        assert recognise(source, num_heads=2).class_names == expected
    assert class_names_of(load(source, num_heads=2, num_classes=3)) is None


@pytest.mark.parametrize(
    "family, name",
    [("hf_vit", "embeddings.cls_token"), ("big_vision_token", "cls")],
)
def test_an_array_that_stands_twice_is_refused(tmp_path, family, name):
    arrays = read(family)[2]
    prefixed = next(known for known in arrays if known.endswith(name))
    assert prefixed != name
    twice = {name: arrays[prefixed] + 1, **arrays}
    with pytest.raises(ValueError, match=f"must hold {name} once"):
        recognise(write(tmp_path, family, twice))


def test_stacked_blocks_are_no_number(tmp_path):
    arrays = read("big_vision_stacked")[2]
    name = next(name for name in arrays if name.endswith("encoderblock/LayerNorm_0/scale"))
    arrays[name] = np.float32(1)
    with pytest.raises(ValueError, match="LayerNorm_0/scale must hold one array per block"):
        recognise(write(tmp_path, "big_vision_stacked", arrays))


@pytest.mark.parametrize(
    "width, patch_size, grid, with_token, heads, activation",
    [
        (768, 16, 1, False, 12, "gelu"),
        (768, 32, 1, False, 12, "gelu_tanh"),
        (768, 32, 1, True, 12, "gelu"),
        (1024, 16, 16, False, 16, "gelu"),
        (1024, 16, 32, False, 16, "gelu_tanh"),
        (1152, 14, 1, False, 16, "gelu"),
        (1152, 16, 1, False, 16, "gelu_tanh"),
        (1536, 16, 1, False, 16, "gelu_tanh"),
        (1536, 14, 1, True, 24, "gelu"),
    ],
)
def test_heads_and_gelu_of_timms_siglip(width, patch_size, grid, with_token, heads, activation):
    shapes = {
        "patch_embed.proj.weight": (width, 3, patch_size, patch_size),
        "pos_embed": (1, grid * grid + with_token, width),
        "norm.weight": (width,),
        "blocks.0.mlp.fc1.weight": (8, width),
        "blocks.0.mlp.fc2.weight": (width, 8),
        **({"cls_token": (1, 1, width)} if with_token else {"attn_pool.latent": (1, 1, width)}),
    }
    arrays = {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}
    config = timm.architecture(arrays).config
    assert (config.num_heads, config.activation) == (heads, activation)


def spoil(arrays, how):
    arrays = dict(arrays)
    if how == "missing":
        del arrays["blocks.1.mlp.fc1.weight"]
    if how == "missing block":
        arrays = {name: a for name, a in arrays.items() if not name.startswith("blocks.0.")}
    if how == "extra":
        arrays["blocks.1.attn.extra"] = np.zeros(3, "float32")
    if how == "misshapen":
        arrays["blocks.1.mlp.fc1.weight"] = np.zeros((16, 3), "float32")
    if how == "no head's bias":
        del arrays["head.bias"]
    if how == "positions":
        arrays["pos_embed"] = np.zeros((1, 8, 16), "float32")
    if how == "axes":
        arrays["patch_embed.proj.weight"] = np.zeros((16, 192), "float32")
    return arrays


@pytest.mark.parametrize(
    "how, message",
    [
        ("missing", r"lacks 1 arrays: blocks\.1\.mlp\.fc1\.weight"),
        ("missing block", "is no Vision Transformer of timm, Google, Hugging Face: it holds 20"),
        ("extra", r"has 1 arrays that are not known: blocks\.1\.attn\.extra"),
        ("misshapen", r"blocks\.1\.mlp\.fc1\.weight must make block01/mlp/hidden/kernel"),
        ("no head's bias", r"lacks 1 arrays: head\.bias"),
        ("positions", "7 positions fill no grid|8 positions fill no grid"),
        ("axes", r"patch_embed\.proj\.weight must have 4 axes.*received \(16, 192\)"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_by_name(tmp_path, how, message):
    _, _, arrays = read("timm_vit")
    path = write(tmp_path, "timm_vit", spoil(arrays, how))
    with pytest.raises(ValueError, match=message):
        load(path, num_heads=2)


def test_what_is_not_known_of_the_heads_is_asked_for(timm_vit):
    with pytest.raises(ValueError, match="How many heads a model of width 16 has is not known"):
        load(timm_vit[0])


def test_a_pooling_that_the_checkpoint_has_no_weights_for_is_refused(timm_vit):
    with pytest.raises(ValueError, match="has nothing for pool/probe: pool='attention'"):
        load(timm_vit[0], num_heads=2, num_classes=3, pool="attention")


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("a.pth", b"", "is a pickle, which can run code"),
        ("a.bin", b"", "save_file"),
        ("a.safetensors", b"no", "is no safetensors file"),
        ("a.npz", b"no", "is no .npz file of numbers"),
        ("a.h5", b"", "Weights are read from .safetensors and .npz"),
        ("a.safetensors.index.json", b"[]", "is no index of safetensors"),
        ("a.safetensors.index.json", b'{"weight_map": {"a": 1}}', "names '1', which is not beside"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load(tmp_path / name)


def test_a_path_that_leads_nowhere_or_to_many_is_refused(tmp_path):
    with pytest.raises(ValueError, match="There is no checkpoint at"):
        load(tmp_path / "none")
    with pytest.raises(ValueError, match="There is no .safetensors or .npz file in"):
        load(tmp_path)
    for name in "ab":
        np.savez(tmp_path / f"{name}.npz", x=np.zeros(1))
    with pytest.raises(ValueError, match="Name one of the files in"):
        load(tmp_path)


def test_a_folder_of_a_pickle_says_the_way_out(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ValueError, match="pytorch_model.bin is a pickle.*convert it"):
        load(tmp_path)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"norm_pre.weight": 1, "norm_pre.bias": 1, "attn_pool.latent": 1}, "Perception Encoder"),
        ({"attn_pool.latent": 1}, "attention pool leaves class and register tokens out"),
        ({"cls_token": None, "blocks.0.ls1.gamma": 1}, "has no cls_token"),
        (
            {"cls_token": None, "norm.weight": None, "blocks.0.attn.qkv.bias": None},
            r"norms behind its blocks \(rpn\)",
        ),
    ],
)
def test_other_models_with_timms_names_are_refused(tmp_path, changes, message):
    arrays = dict(read("timm_vit")[2])
    for name, value in changes.items():
        arrays[name] = np.ones(16, "float32") if value else None
    kept = {name: array for name, array in arrays.items() if array is not None}
    with pytest.raises(ValueError, match=message):
        recognise(write(tmp_path, "timm_vit", kept), num_heads=2)


def test_positions_of_registers_become_a_part_of_them(tmp_path):
    backbone = vit("mu/4", image_size=8, class_token=False, num_registers=3)
    model = classifier(backbone, 3, pool="mean")
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype("uint8")
    export_timm(model, tmp_path / "ours.safetensors")
    arrays = recognise(tmp_path / "ours.safetensors").arrays
    own = np.random.default_rng(0).normal(size=(1, 3, 32)).astype("float32")
    arrays["pos_embed"] = np.concatenate([own, arrays["pos_embed"]], axis=1)
    arrays["reg_token"] = arrays["reg_token"] - own
    again = load(write(tmp_path, "timm_gap", arrays), num_heads=2, grid=(2, 2))
    np.testing.assert_allclose(again(images), model(images), atol=1e-5)


def test_a_files_own_metadata_goes_before_what_lies_beside(tmp_path):
    options = dict(activation="quick_gelu", norm_epsilon=1e-5, mean=0.3)
    model = classifier(vit("mu/4", image_size=8, **options), 3, class_names=list("abc"))
    export_timm(model, tmp_path / "model.safetensors")
    beside = {"pretrained_cfg": {"mean": [0.1] * 3, "input_size": [3, 99, 99]}}
    (tmp_path / "config.json").write_text(json.dumps(beside))
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype("uint8")
    for source in (tmp_path, tmp_path / "model.safetensors"):
        again = load(source)
        np.testing.assert_allclose(again(images), model(images), atol=1e-5)
        assert class_names_of(again) == ["a", "b", "c"]


def test_timms_configuration_tells_quick_gelu_and_pooling(tmp_path, timm_vit):
    config = tmp_path / "config.json"
    config.write_text('{"architecture": "vit_base_patch32_clip_quickgelu_224"}')
    assert recognise(timm_vit[0], num_heads=2).architecture.config.activation == "quick_gelu"
    config.write_text('{"global_pool": "max"}')
    with pytest.raises(ValueError, match="global_pool='max' is none of ours"):
        recognise(timm_vit[0], num_heads=2)


def test_an_attention_pool_with_a_class_token_comes_back(tmp_path):
    model = classifier(vit("mu/4", image_size=8), 3, pool="attention")
    arguments = export_timm(model, tmp_path / "ours.safetensors")
    assert arguments["pool_include_prefix"] is True
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype("uint8")
    again = load(tmp_path / "ours.safetensors")
    np.testing.assert_allclose(again(images), model(images), atol=1e-5)


def test_what_export_timm_would_lose_is_refused(tmp_path):
    model = classifier(vit("mu/4", image_size=8), 3)
    add_lora(model, rank=2)
    with pytest.raises(ValueError, match="2 weights that are not known: .*lora_kernel_a"):
        export_timm(model, tmp_path / "ours.safetensors")
    assert not list(tmp_path.iterdir())


def test_what_was_found_is_not_told_again(timm_vit):
    found = recognise(timm_vit[0], num_heads=2)
    with pytest.raises(TypeError, match="mean"):
        load(found, mean=0.1)


def test_a_backbone_without_a_class_token_gets_a_head_over_its_mean(tmp_path):
    vit("mu/4", image_size=8, class_token=False).save(tmp_path / "tokens.keras")
    assert load(tmp_path / "tokens.keras", num_classes=3).output_shape == (None, 3)
    with pytest.raises(ValueError, match="takes no grid"):
        recognise(tmp_path / "tokens.keras", grid=(7, 9))


def test_objects_are_never_unpickled(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="is no .npz file of numbers: Object arrays"):
        load(tmp_path / "a.npz")


@pytest.mark.parametrize("family", ["timm_vit", "timm_clip", "timm_siglip", "timm_deit_distilled"])
def test_what_was_imported_is_exported_as_it_came(tmp_path, family):
    _, _, arrays = read(family)
    model = load(write(tmp_path, family, arrays), num_heads=2)
    arguments = export_timm(model, tmp_path / "back.safetensors")
    back = recognise(tmp_path / "back.safetensors", num_heads=2).arrays
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array, err_msg=name)
    assert arguments["depth"] == 2 and arguments["embed_dim"] == 16


def test_what_no_array_shows_comes_back_from_timm(tmp_path):
    """48 patches and a class token are 49, which could be 7 x 7 patches."""
    options = dict(activation="quick_gelu", norm_epsilon=1e-5)
    backbone = vit("mu/4", image_size=(24, 32), mean=0.3, std=(0.1, 0.2, 0.3), **options)
    model = classifier(backbone, 3, class_names=["a", "b", "c"])
    export_timm(model, tmp_path / "ours.safetensors")
    images = np.random.default_rng(0).integers(0, 256, (2, 24, 32, 3)).astype("uint8")
    again = load(tmp_path / "ours.safetensors")
    assert class_names_of(again) == ["a", "b", "c"]
    np.testing.assert_allclose(again(images), model(images), atol=1e-5)


@pytest.mark.parametrize("pool", ["class_token", "mean"])
@pytest.mark.parametrize("options", [{}, dict(num_registers=2), dict(final_norm=False)])
def test_the_pooling_comes_back_from_timm(tmp_path, pool, options):
    model = classifier(vit("mu/4", image_size=8, **options), 3, pool=pool)
    for weight in model.trainable_weights:
        weight.assign_add(keras.random.normal(weight.shape, stddev=0.1))
    export_timm(model, tmp_path / "ours.safetensors")
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype("uint8")
    again = load(tmp_path / "ours.safetensors")
    np.testing.assert_allclose(again(images), model(images), atol=1e-5)


def test_a_configuration_of_timm_tells_pooling_and_names_and_an_old_size(tmp_path, timm_vit):
    told = {"global_pool": "avg", "pretrained_cfg": {"input_size": [3, 99, 99]}}
    names = ["crane", "cat", "crane", "dog", "cow"]
    for labels in (names, dict(enumerate(names))):
        (tmp_path / "config.json").write_text(json.dumps({**told, "label_names": labels}))
        found = recognise(timm_vit[0], num_heads=2)
        assert found.architecture.pool == "mean" and found.class_names == names
        assert found.architecture.config.image_size == (16, 16)


@pytest.mark.parametrize("family", thinned(["hf_vit", "hf_mae"], fast=1))
def test_a_smaller_epsilon_is_timms_and_comes_back(tmp_path, family):
    _, _, arrays = read(family)
    model = load(write(tmp_path, family, arrays), num_heads=2)
    export_timm(model, tmp_path / "back.safetensors")
    again = load(tmp_path / "back.safetensors")
    images = np.random.default_rng(0).integers(0, 256, (2, *model.input_shape[1:]))
    np.testing.assert_allclose(again(images), model(images), atol=1e-5)
    assert architecture_of(again).config.norm_epsilon == 1e-12


def test_of_siglips_two_towers_the_one_of_images_is_taken(tmp_path):
    images, outputs, arrays = read("big_vision_map")
    two = {name.replace("params/", "params/img/"): array for name, array in arrays.items()}
    assert two.keys().isdisjoint(arrays)
    texts = {"params/txt/Embed_0/embedding": np.zeros((3, 4), "float32"), "params/t": np.zeros(1)}
    np.savez(tmp_path / "siglip.npz", **two, **texts)
    np.testing.assert_allclose(load(tmp_path / "siglip.npz")(images), outputs, atol=1e-5)


@pytest.mark.parametrize("part", ["query/kernel", "query/bias", "out/kernel"])
def test_a_block_of_other_heads_is_refused_by_name(tmp_path, part):
    _, _, arrays = read("google_vit")
    name = f"Transformer/encoderblock_1/MultiHeadDotProductAttention_1/{part}"
    array, axis = arrays[name], 1 if part == "query/kernel" else 0
    shape = list(array.shape)
    shape[axis], shape[axis + 1] = shape[axis] * 2, shape[axis + 1] // 2
    source = write(tmp_path, "google_vit", {**arrays, name: array.reshape(shape)})
    with pytest.raises(ValueError, match=rf"{name} .*there must be 2 heads"):
        load(source)


@pytest.mark.parametrize("channels", thinned([4, 6], fast=1))
def test_more_channels_keep_each_its_mean(tmp_path, channels):
    _, _, arrays = read("timm_clip")
    source = write(tmp_path, "timm_clip", arrays)
    old = architecture_of(load(source, num_heads=2))
    new = architecture_of(load(source, num_heads=2, channels=channels))
    order = np.arange(channels) % 3
    np.testing.assert_allclose(new.mean, np.array(old.mean)[order], rtol=1e-5)
    np.testing.assert_allclose(new.std, np.array(old.std)[order], rtol=1e-5)


def test_a_model_with_more_than_ours_is_refused(tmp_path):
    model = classifier(vit("mu/4", image_size=8), 3)
    more = keras.layers.Dense(3, name="adapter")(model.output)
    keras.Model(model.input, more).save(tmp_path / "more.keras")
    with pytest.raises(ValueError, match="2 weights that are not known: adapter/bias, adapter/ker"):
        load(tmp_path / "more.keras")
    content = bytearray((tmp_path / "more.keras").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "flipped.keras").write_bytes(content)
    with pytest.raises(ValueError, match="flipped.keras cannot be read as a model"):
        load(tmp_path / "flipped.keras")
    (tmp_path / "no.keras").write_bytes(b"no")
    with pytest.raises(ValueError, match="no.keras cannot be read as a model"):
        load(tmp_path / "no.keras")


def test_names_of_a_distilled_classifier_are_its_heads(tmp_path):
    model = classifier(
        vit("mu/4", image_size=8, distillation_token=True),
        2,
        distillation_head=True,
        class_names=["a", "b"],
    )
    model.save(tmp_path / "model.keras")
    assert open_artefact(tmp_path / "model.keras").class_names == ("a", "b")
    assert recognise(tmp_path / "model.keras").class_names == ["a", "b"]


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(position="none"), "position='none'"),
        (dict(pre_norm=True), "pre_norm and a bias of the patches"),
        (dict(norm_epsilon=1e-3), "norm_epsilon=0.001"),
        (dict(stem="conv"), "stem='conv'"),
        (dict(stem="resnet", stem_blocks=(1,)), r"stem_blocks=\(1,\)"),
        (dict(stem="resnet", stem_epsilons="flax"), "stem_epsilons='flax'"),
        (dict(stem="resnet", activation="swiglu"), "stem='resnet' and a distillation token, swi"),
        (dict(distillation_token=True, num_registers=1), "with registers"),
        (dict(distillation_token=True), "not both heads behind both tokens"),
    ],
)
def test_what_timm_has_not_is_refused(tmp_path, options, message):
    model = classifier(vit("mu/4", image_size=8, **options), 3)
    with pytest.raises(ValueError, match=f"timm has no model with .*{message}"):
        export_timm(model, tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())


# Each value and each kind of file once in the fast suite, all pairs in the slow one.
KINDS = ("keras", "safetensors", "npz", "sharded")
NOT_FINITE = [
    pytest.param(kind, value, marks=[] if row == column else pytest.mark.slow)
    for row, kind in enumerate(KINDS)
    for column, value in enumerate([np.nan, np.inf, -np.inf, 1e300])
]


@pytest.mark.parametrize("kind, value", NOT_FINITE)
def test_weights_that_are_not_finite_are_refused(tmp_path, kind, value):
    arrays = read("timm_vit")[2]
    name = "blocks.1.attn.qkv.weight"
    arrays[name] = arrays[name].astype("float64")
    arrays[name][:2, 0] = value
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    source = tmp_path / f"weights.{kind}"
    if kind == "safetensors":
        save_file(arrays, source)
    elif kind == "npz":
        np.savez(source, **arrays)
    elif kind == "sharded":
        source = tmp_path
        save_file(arrays, tmp_path / "model-1.safetensors")
        text = json.dumps({"weight_map": dict.fromkeys(arrays, "model-1.safetensors")})
        (tmp_path / "model.safetensors.index.json").write_text(text)
    else:
        model = classifier(vit("mu/4", image_size=8, depth=2), 3)
        kernel = model.get_layer("block01").attention.qkv.kernel
        value = np.inf if value == 1e300 else value
        kernel.assign(np.where(np.indices(kernel.shape).sum(0) == 1, value, kernel))
        model.save(source)
        name = "block01/attention/qkv/kernel"
    message = f"holds numbers that are NaN or infinite: 2 in {name}."
    for reader in (recognise, load):
        with pytest.raises(ValueError, match=message):
            reader(source, **({} if kind == "keras" else dict(num_heads=2)))


def test_what_no_model_uses_may_hold_infinity(tmp_path):
    images, outputs, arrays = read("hf_dinov2")
    arrays["embeddings.mask_token"][:] = -np.inf
    model = load(write(tmp_path, "hf_dinov2", arrays), num_heads=2)
    np.testing.assert_allclose(model(images), outputs, rtol=1e-5, atol=1e-5)
