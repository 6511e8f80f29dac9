"""YOLOS beyond its golden files: what it answers, other sizes and heads, its configuration."""

import json

import keras
import numpy as np
import pytest
from test_golden import GOLDEN, read, told, write

from keras_vit.checkpoints import load, recognise, yolos
from keras_vit.checkpoints.hugging_face import PATCHES
from keras_vit.tasks import class_names_of, deploy, preprocessing_of, task_named, tokens_at
from keras_vit.tasks.token_detect import token_detector

NAMES = ["cat", "dog", "N/A", "owl"]
CONFIG = {
    "model_type": "yolos",
    "num_attention_heads": 2,
    "image_size": [16, 30],  # the published ones are no multiples of the patch either
    "id2label": dict(enumerate(NAMES)),
}
PROCESSOR = {
    "feature_extractor_type": "YolosFeatureExtractor",
    "image_mean": [0.4, 0.5, 0.6],
    "image_std": [0.2, 0.3, 0.4],
    "size": {"shortest_edge": 800, "longest_edge": 1333},
    "do_pad": True,
}


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    """A file of a tiny YOLOS, images (3, 16, 24, 3), and what its library answers."""
    images, outputs, arrays = read("hf_yolos")
    folder = tmp_path_factory.mktemp("yolos")
    return write(folder, "hf_yolos", arrays), images, outputs


def test_answers_are_boxes_in_pixels_the_likeliest_class_and_its_probability(golden, tmp_path):
    path, images, outputs = golden
    model = load(path, class_names=NAMES, **told("hf_yolos"))
    answers = deploy(model).predict(images)
    # As the library's post_process_object_detection has them.
    x, y, width, height = np.moveaxis(outputs[..., :4] * [24, 16, 24, 16], -1, 0)
    corners = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    np.testing.assert_allclose(answers["boxes"], np.stack(corners, -1), rtol=1e-5, atol=1e-5)
    exponents = np.exp(outputs[..., 4:])
    probabilities = (exponents / exponents.sum(-1, keepdims=True))[..., :-1]
    np.testing.assert_allclose(answers["scores"], probabilities.max(-1), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(answers["classes"], probabilities.argmax(-1))
    model.save(tmp_path / "yolos.keras")
    again = deploy(keras.saving.load_model(tmp_path / "yolos.keras"))
    assert (again.task, again.class_names) == ("detection", NAMES)
    task = task_named(again.task, NAMES, {**again.options, "threshold": 0.0})
    rows = task.words({name: array[0] for name, array in answers.items()})
    order = np.argsort(-answers["scores"][0])
    assert [row["name"] for row in rows] == [NAMES[x] for x in answers["classes"][0][order]]
    numbered = load(path, **told("hf_yolos"))
    assert class_names_of(numbered) == ["0", "1", "2", "3"]
    with pytest.raises(ValueError, match="must have 2 classes: it has 4"):
        load(path, class_names=["cat", "dog"], **told("hf_yolos"))
    for name, answer in again.predict(images).items():
        np.testing.assert_array_equal(answer, answers[name])


def test_another_size_resizes_every_table(golden):
    path, images, _ = golden
    small = load(path, **told("hf_yolos"))
    large = load(path, image_size=(32, 40), **told("hf_yolos"))
    tables = [[w for w in model.weights if "positions" in w.path] for model in (small, large)]
    assert [w.path for w in tables[0]] == [w.path for w in tables[1]]
    assert [w.shape[1] for w in tables[0]] == [1 + 6, 1 + 3 + 6, 1 + 3 + 6]
    assert [w.shape[1] for w in tables[1]] == [1 + 20, 1 + 3 + 20, 1 + 3 + 20]
    for before, after in zip(*tables, strict=True):
        prefix = before.shape[1] - 6
        np.testing.assert_array_equal(before[:, :prefix], after[:, :prefix])
    assert large(np.zeros((2, 32, 40, 3), "uint8"))["boxes"].shape == (2, 3, 4)


@pytest.mark.parametrize("family", ["hf_yolos", "hf_yolos_first_positions"])
def test_images_of_another_size_are_answered_as_its_library_does(tmp_path, family):
    images, _, arrays = read(family)
    path = write(tmp_path, family, arrays)
    with np.load(GOLDEN / f"{family}.npz") as archive:
        expected = archive["padded_outputs"]
    model = load(path, image_size=(32, 32), resize="bicubic_plain", **told(family))
    # The library padded with zeros behind the rescaling, where black is below zero.
    padded = np.pad(model.get_layer("pixels")(images), [(0, 0), (0, 16), (0, 8), (0, 0)])
    behind = keras.Model(model.get_layer("pixels").output, model.get_layer("norm_answers").output)
    np.testing.assert_allclose(behind(padded), expected, rtol=1e-5, atol=1e-5)


def test_another_head_keeps_the_backbone_with_its_detection_tokens(golden):
    path, images, _ = golden
    whole = load(path, **told("hf_yolos"))
    backbone = load(path, num_classes=0, **told("hf_yolos"))
    assert backbone.output_shape == (None, 16)
    detector = token_detector(backbone, 9)
    assert detector.output_shape == (None, 1, 3, 2 + 4 + 9 + 1)
    tokens = [tokens_at(model, ["norm"])(images)["norm"] for model in (whole, detector)]
    np.testing.assert_array_equal(*tokens)
    assert load(path, num_classes=7, **told("hf_yolos")).output_shape == (None, 7)
    with pytest.raises(ValueError, match="does not pool its tokens: received pool='mean'"):
        load(path, pool="mean", **told("hf_yolos"))


@pytest.mark.parametrize("size", [(16, 24), (32, 24)])
@pytest.mark.parametrize("count", [0, 2, 5])
def test_registers_of_another_number_are_new_between_blocks_too(golden, count, size):
    path, images, _ = golden
    whole = load(path, num_classes=0, image_size=size, **told("hf_yolos"))
    other = load(path, num_classes=0, image_size=size, num_registers=count, **told("hf_yolos"))
    theirs = {weight.path: np.asarray(weight) for weight in whole.weights}
    tables = [weight for weight in other.weights if weight.path.endswith("/positions")]
    assert len(tables) == 3
    for weight in tables:
        old, new = theirs[weight.path], np.asarray(weight)
        if weight.path == "embed/positions":
            np.testing.assert_array_equal(new, old)
            continue
        np.testing.assert_array_equal(new[:, :1], old[:, :1])  # the class token
        np.testing.assert_array_equal(new[:, 1 + count :], old[:, 4:])  # the patches
        assert new.shape[1] == old.shape[1] - 3 + count
        assert 0.001 < np.abs(new[:, 1 : 1 + count]).max(initial=0.01) < 0.1  # as it was drawn
    if count:
        model = load(path, num_registers=count, **told("hf_yolos"))
        assert deploy(model)(images)["boxes"].shape == (3, count, 4)


def test_a_model_without_heads_is_a_backbone(tmp_path):
    arrays = {name: x for name, x in read("hf_yolos")[2].items() if name.startswith("vit.")}
    # As models of transformers 5 call them in memory.
    arrays["vit.encoder.interpolation.mid_position_embeddings"] = arrays.pop(
        "vit.encoder.mid_position_embeddings"
    )
    found = recognise(write(tmp_path, "hf_yolos", arrays), **told("hf_yolos"))
    assert not found.architecture.detector and found.architecture.config.mid_positions
    assert load(found).output_shape == (None, 16)


def test_the_configuration_beside_it_is_read(golden, tmp_path):
    write(tmp_path, "hf_yolos", read("hf_yolos")[2])
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    found = recognise(tmp_path)
    assert str(found) == (
        "Hugging Face, 16x24 pixels in patches of 8; width 16, depth 3, 2 heads, MLP 32 "
        "gelu; 3 registers; positions between blocks; boxes; 4 classes; epsilon 1e-12, mean "
        "(0.4, 0.5, 0.6), std (0.2, 0.3, 0.4); not done as its configuration says: shortest_edge "
        "(pictures are squashed to the size of the model)"
    )
    with pytest.warns(UserWarning, match="pictures are squashed"):
        model = load(tmp_path)
    assert class_names_of(model) == NAMES
    preprocessing = preprocessing_of(model)
    assert (preprocessing.fit, preprocessing.interpolation) == ("squash", "bilinear")
    assert (preprocessing.image_size, preprocessing.crop_ratio) == ((16, 24), 1)
    assert preprocessing.mean == (0.4, 0.5, 0.6)


def test_too_few_positions_are_refused(tmp_path):
    arrays = read("hf_yolos")[2]
    arrays["vit.embeddings.position_embeddings"] = np.zeros((1, 2, 16), "float32")
    with pytest.raises(ValueError, match="a row for each of 3 detection tokens and each patch"):
        recognise(write(tmp_path, "hf_yolos", arrays), **told("hf_yolos"))


def shapes(width, depth, mlp_dim, image_size, mid, tokens=100, classes=91):
    """Arrays without memory in the shapes of a published model, by their names in its file."""
    patches = (image_size[0] // 16) * (image_size[1] // 16)
    rows = 1 + patches + tokens
    sizes = {
        "embeddings.cls_token": (1, 1, width),
        "embeddings.detection_tokens": (1, tokens, width),
        "embeddings.position_embeddings": (1, rows, width),
        f"{PATCHES}.weight": (width, 3, 16, 16),
        f"{PATCHES}.bias": (width,),
        "layernorm.weight": (width,),
        "layernorm.bias": (width,),
    }
    if mid:
        sizes["encoder.mid_position_embeddings"] = (depth - 1, 1, rows, width)
    denses = {f"attention.attention.{x}": (width, width) for x in ("query", "key", "value")}
    denses |= {"attention.output.dense": (width, width)}
    denses |= {"intermediate.dense": (mlp_dim, width), "output.dense": (width, mlp_dim)}
    for index in range(depth):
        block = f"encoder.layer.{index}"
        for name, shape in denses.items():
            sizes |= {f"{block}.{name}.weight": shape, f"{block}.{name}.bias": shape[:1]}
        for name in ("layernorm_before", "layernorm_after"):
            sizes |= {f"{block}.{name}.{x}": (width,) for x in ("weight", "bias")}
    sizes = {f"vit.{name}": shape for name, shape in sizes.items()}
    for head, units in (("class_labels_classifier", classes + 1), ("bbox_predictor", 4)):
        for index, out in enumerate((width, width, units)):
            name = f"{head}.layers.{index}"
            sizes |= {f"{name}.weight": (out, width), f"{name}.bias": (out,)}
    zero = np.zeros((), "float32")
    return {name: np.broadcast_to(zero, shape) for name, shape in sizes.items()}


# Parameters as torch counts those of the published configurations.
PUBLISHED = {
    "tiny": ((192, 12, 768, (800, 1333), False), 6_488_736),
    "small": ((384, 12, 1536, (512, 864), True), 30_684_768),
    "base": ((768, 12, 3072, (800, 1344), True), 127_798_368),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_published_size_is_recognised(name):
    sizes, parameters = PUBLISHED[name]
    arrays = shapes(*sizes)
    assert yolos.matches(arrays)
    assert sum(array.size for array in arrays.values()) == parameters
    arrays = yolos.normalise(arrays)
    found = yolos.architecture(arrays, image_size=sizes[3])
    config = found.config
    assert (config.width, config.depth, config.mlp_dim) == sizes[:3]
    assert (config.num_heads, config.num_registers) == (sizes[0] // 64, 100)
    assert config.image_size == tuple(side // 16 * 16 for side in sizes[3])
    assert config.mid_positions == sizes[4] and found.detector and found.num_classes == 91
    entries = yolos.table(found, arrays)
    assert {name for entry in entries.values() for name in entry.names} == set(arrays)
    if name == "tiny":
        model = found.build()
        assert {weight.path for weight in model.weights} == set(entries)
        # Registers have no row of their own in our table of positions.
        assert model.count_params() == parameters - 100 * 192
