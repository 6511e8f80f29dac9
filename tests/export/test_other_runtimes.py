"""ONNX and OpenVINO: the same answers, what travels along, and nothing that does not load."""

import json

import keras
import numpy as np
import pytest
from random_models import random_classifier
from thinned import thinned

from keras_vit.evaluation.operators import operators_of
from keras_vit.export import FORMATS, export
from keras_vit.images.preprocessing import Preprocessing
from keras_vit.inference import open_artefact

OTHERS = ("onnx", "openvino")
MODELS = {
    "plain": ("class_token", {}),
    "mean": ("mean", dict(class_token=False, position="sincos_2d", num_registers=2)),
    "attention": ("attention", dict(qk_norm=True, layer_scale=0.1, activation="swiglu")),
    "distilled": ("class_token", dict(distillation_token=True, channels=1, image_size=(8, 12))),
}
# Of OpenVINO one: `test_product.py` writes every option for it, and each takes seconds.
CASES = [*((kind, "onnx") for kind in MODELS), ("plain", "openvino")]

pytestmark = pytest.mark.skipif(
    not all(FORMATS[name].is_at_hand for name in OTHERS),
    reason="the extras [onnx] and [openvino] are not installed",
)


@pytest.mark.parametrize("case", thinned(CASES, fast=1), ids="-".join)
def test_it_answers_as_the_model_whatever_the_batch(tmp_path, case):
    kind, name = case
    pool, options = MODELS[kind]
    model = random_classifier(pool, **options)
    carried = dict(class_names=["a", "b", "zwölf"], preprocessing=Preprocessing(crop_ratio=0.9))
    (path,) = export(model, tmp_path, to=(name,), **carried)
    artefact = open_artefact(path, threads=1)
    assert artefact.image_shape == model.input_shape[1:]
    assert artefact.class_names == ("a", "b", "zwölf")
    assert artefact.preprocessing.crop_ratio == 0.9
    for batch in (1, 5):
        images = np.random.default_rng(batch).integers(0, 256, (batch, *artefact.image_shape))
        expected = keras.ops.convert_to_numpy(keras.ops.softmax(model(images)))
        np.testing.assert_allclose(artefact.predict(images), expected, atol=1e-6)
    assert operators_of(path)["MatMul"] > 0


@pytest.mark.slow
def test_openvino_computes_in_float32(tmp_path, tiny_classifier, monkeypatch):
    import openvino

    compiled, compile_model = [], openvino.Core.compile_model

    def remember(*arguments):
        compiled.append(compile_model(*arguments))
        return compiled[-1]

    (path,) = export(tiny_classifier, tmp_path, to=("openvino",))
    monkeypatch.setattr(openvino.Core, "compile_model", remember)
    open_artefact(path)
    assert compiled[0].get_property("INFERENCE_PRECISION_HINT") == openvino.Type.f32


@pytest.mark.parametrize("name", thinned(OTHERS, fast=1))
def test_what_does_not_load_becomes_no_version(tmp_path, tiny_classifier, name, monkeypatch):
    if name == "onnx":
        import onnx

        monkeypatch.setattr(onnx, "save", lambda _, path: path.write_bytes(b"not a model"))
    else:
        import openvino

        monkeypatch.setattr(openvino, "save_model", lambda _, path, **options: path.touch())
    with pytest.raises(ValueError, match="does not load what"):
        export(tiny_classifier, tmp_path, to=("tflite", name))
    assert [path for path in tmp_path.iterdir() if path.name != ".lock"] == []


@pytest.mark.parametrize("name", OTHERS)
def test_without_its_extra_it_is_refused_before_the_work(
    tmp_path, tiny_classifier, name, monkeypatch
):
    monkeypatch.setattr("importlib.util.find_spec", lambda module: None)
    with pytest.raises(ValueError, match=rf"{name} needs an extra: .*keras-vit\[{name}\]"):
        export(tiny_classifier, tmp_path / "new", to=(name,))
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_their_names_say_what_they_are(tmp_path, tiny_classifier):
    onnx, openvino = export(tiny_classifier, tmp_path, to=OTHERS)
    assert (onnx.name, openvino.name) == ("1.onnx", "1-openvino")
    assert sorted(path.name for path in openvino.iterdir()) == [
        "labels.txt",
        "metadata.json",
        "model.bin",
        "model.xml",
    ]
    assert json.loads((openvino / "metadata.json").read_text())["channels"] == 1
