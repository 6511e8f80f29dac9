"""The signature `attention` of a SavedModel: a method by its name, as the model itself has it."""

import subprocess
import sys

import foreign
import keras
import numpy as np
import pytest
import tensorflow as tf
from random_models import random_classifier

from keras_vit.errors import UserError
from keras_vit.export import export
from keras_vit.export.answers import write_endpoints
from keras_vit.export.explanation import NAMES, explanation
from keras_vit.export.saved_model import endpoints
from keras_vit.export.servable import servable
from keras_vit.inference.metadata import METADATA, read_metadata
from keras_vit.interpret import smooth_grad
from keras_vit.interpret.methods import METHODS
from keras_vit.models import vit
from keras_vit.tasks import answering, classifier, features

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 8, 12, 3)).astype("float32")
OF_PIXELS = ("integrated-gradients", "smoothgrad")
# Each way to pool and each thing that servable models rewrite, with some of the methods.
MODELS = {
    "rollout": dict(pool="class_token_and_mean"),
    "attention": dict(pool="attention", activation="swiglu", qk_norm=True),
    "gradient-rollout": dict(num_registers=2),
    "attribution": dict(distillation_token=True, distillation_head=True),
    "relevance": dict(pre_logits=16),
    "gradcam": dict(layer_scale=0.5, final_norm=False),
    "integrated-gradients": dict(pool="mean", class_token=False),
    "smoothgrad": dict(activation="quick_gelu"),
}
ALONE = """
import sys
sys.modules["keras"] = sys.modules["tf_keras"] = sys.modules["keras_vit"] = None
import numpy as np
import tensorflow as tf
images, maps = np.load(sys.argv[1] + "/images.npy"), {}
for name in sys.argv[2:]:
    loaded = tf.saved_model.load(sys.argv[1] + "/" + name)
    for count in (1, 3):
        found = loaded.signatures["attention"](images=tf.constant(images[-count:]))
        maps[f"{name} {count}"] = found["attention"]
np.savez(sys.argv[1] + "/maps.npz", **maps)
"""


def build(method, **options):
    options = {"image_size": (8, 12), "depth": 2, **MODELS[method], **options}
    return random_classifier(**options)


def expected(model, method, images=IMAGES):
    return keras.ops.convert_to_numpy(METHODS[method](model, None)(images))


def check(found, model, method):
    """Checks maps of the last images against those of the model, each scaled to its largest."""
    wanted = expected(model, method)[-len(found) :]
    assert found.shape == (len(found), *((8, 12) if method in OF_PIXELS else (2, 3)))
    assert wanted[-1].std() > 0
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=2e-5 * np.abs(wanted).max())


def test_the_maps_of_the_graph_are_those_of_the_model():
    model, method = build("relevance"), "relevance"
    explain = explanation(servable(model), method)
    spec = tf.TensorSpec((None, *IMAGES.shape[1:]), tf.float32)
    attention = tf.function(explain, input_signature=[spec], autograph=False)
    for count in (1, 3):
        check(attention(tf.constant(IMAGES[-count:])).numpy(), model, method)


@pytest.mark.slow
def test_every_method_answers_where_keras_is_not(tmp_path):
    assert set(MODELS) == set(NAMES)
    models = {method: build(method) for method in NAMES}
    for method, model in models.items():
        copy = servable(model)
        signatures = endpoints(copy, attention=method)
        write_endpoints(copy, {"attention": signatures["attention"]}, tmp_path / method)
    np.save(tmp_path / "images.npy", IMAGES)
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(tmp_path), *NAMES], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(tmp_path / "maps.npz") as maps:
        for method, model in models.items():
            for count in (1, 3):
                check(maps[f"{method} {count}"], model, method)


def test_the_graph_of_many_passes_is_that_of_a_few():
    """The passes are a loop: one for each would take minutes to optimise."""
    model = build("smoothgrad", depth=1)
    sizes = []
    for samples in (2, 16):
        spec = tf.TensorSpec((None, 8, 12, 3), tf.float32)
        traced = tf.function(smooth_grad(model, samples=samples), input_signature=[spec])
        sizes.append(traced.get_concrete_function().graph.as_graph_def().ByteSize())
    assert sizes[1] < 1.01 * sizes[0]


@pytest.mark.parametrize(
    "method, sentence",
    [
        ("occlusion", "cannot be occlusion: a graph of it would hold a forward pass for each"),
        ("patch-dropping", "cannot be patch-dropping: a graph of it would hold"),
        ("saliency", "must be one of relevance, .*smoothgrad: received 'saliency'"),
    ],
)
def test_other_methods_are_refused_before_anything_is_written(
    tmp_path, tiny_classifier, method, sentence
):
    with pytest.raises(UserError, match=f"`attention` {sentence}"):
        export(tiny_classifier, tmp_path / "out", attention=method)
    assert not (tmp_path / "out").exists()


def test_models_are_refused_that_a_method_cannot_explain(tmp_path, tiny_classifier):
    windows = classifier(vit("mu/4", image_size=8, class_token=False, window=1), 3, pool="mean")
    pooled = features(vit("mu/4", image_size=8))
    measuring = answering(pooled.input, {"angle": pooled.output}, "angle")
    for model, method, sentence in (
        (windows, "rollout", "cannot be rollout for this model: Attention to all patches is"),
        (foreign.cnn(), "gradcam", "cannot be gradcam for this model: The model 'cnn' has no"),
        (measuring, "relevance", "cannot be relevance, .*: received one that answers with angle"),
    ):
        with pytest.raises(UserError, match=f"`attention` {sentence}"):
            export(model, tmp_path / "out", attention=method)
    with pytest.raises(UserError, match="is a signature of a SavedModel: .* formats tflite, onnx"):
        export(tiny_classifier, tmp_path / "out", to=("tflite", "onnx"), attention="relevance")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_method_may_explain_what_has_no_rollout(tmp_path, capsys):
    windows = random_classifier(
        "mean", image_size=(8, 12), patch_size=2, class_token=False, window=2
    )
    for name, model, method in (
        ("windows", windows, "relevance"),
        (
            "foreign",
            keras.Sequential([keras.Input((8, 8, 1)), foreign.cnn()]),
            "integrated-gradients",
        ),
    ):
        height, width, channels = model.input_shape[1:]
        images = IMAGES[:2, :height, :width, :channels]
        for chosen in (None, method):
            (path,) = export(model, tmp_path / name, to="savedmodel", attention=chosen)
            signatures = tf.saved_model.load(str(path)).signatures
            missing = "signature `features`" if chosen else "signatures `features` and `attention`"
            assert f"has no {missing}." in capsys.readouterr().out
            assert ("attention" in signatures) == (chosen is not None)
        found = signatures["attention"](images=tf.constant(images))["attention"].numpy()
        wanted = expected(keras.Model(model.inputs, model.outputs[0]), method, images)
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5 * np.abs(wanted).max())


def test_a_file_that_names_no_method_has_rollout():
    assert read_metadata({})["attention"] == "rollout"
    assert read_metadata({METADATA: '{"attention": "relevance"}'})["attention"] == "relevance"
    with pytest.raises(UserError, match="method of `attention` must be a text: received 3"):
        read_metadata({METADATA: '{"attention": 3}'})
