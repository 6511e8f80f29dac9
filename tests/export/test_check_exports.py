"""What was written is loaded and asked before it becomes a version; models of other people."""

import dataclasses

import foreign
import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_vit.export import FORMATS, export
from keras_vit.inference import open_artefact


def left(folder):
    return [path.name for path in folder.iterdir() if path.name != ".lock"]


def test_an_export_that_answers_otherwise_becomes_no_version(
    tmp_path, tiny_classifier, monkeypatch
):
    other = keras.models.clone_model(tiny_classifier)
    other.get_layer("head").kernel.assign(tiny_classifier.get_layer("head").kernel * 2)
    write = FORMATS["tflite"].write
    broken = dataclasses.replace(
        FORMATS["tflite"], write=lambda model, path, **options: write(other, path, **options)
    )
    monkeypatch.setitem(FORMATS, "tflite", broken)
    with pytest.raises(ValueError, match="tflite cannot be used: the answer probabilities differs"):
        export(tiny_classifier, tmp_path, to=("tflite",))
    assert left(tmp_path) == []


def test_an_export_that_does_not_load_becomes_no_version(tmp_path, tiny_classifier, monkeypatch):
    broken = dataclasses.replace(
        FORMATS["tflite-int8"], write=lambda model, path, **options: path.write_bytes(b"no model")
    )
    monkeypatch.setitem(FORMATS, "tflite-int8", broken)
    with pytest.raises(ValueError, match="written as tflite-int8 cannot be used: .*cannot be read"):
        export(tiny_classifier, tmp_path, to=("tflite", "tflite-int8"))
    assert left(tmp_path) == []


@keras.saving.register_keras_serializable("tests")
class InPython(keras.layers.Layer):
    """A layer that runs only in the process that built it."""

    def call(self, x):
        (y,) = tf.py_function(lambda x: [x], [x], [tf.float32])
        return tf.ensure_shape(y, x.shape)


@pytest.mark.slow
def test_what_only_this_process_can_run_becomes_no_version(tmp_path, processes):
    model = foreign.cnn()
    pooled = InPython()(model.get_layer("pool").output)
    model = keras.Model(model.input, keras.layers.Dense(3, activation="softmax")(pooled))
    with pytest.raises(ValueError, match="written as savedmodel cannot be used: "):
        export(model, tmp_path, to=("savedmodel",))
    assert left(tmp_path) == []


def test_a_model_of_numbers_that_are_none_is_refused(tmp_path, tiny_classifier):
    tiny_classifier.get_layer("head").kernel.assign(tiny_classifier.get_layer("head").kernel / 0)
    with pytest.raises(ValueError, match="answers random images with something that is not a fini"):
        export(tiny_classifier, tmp_path, to=("tflite",))
    assert left(tmp_path) == []


def test_what_is_no_classifier_is_refused_before_anything_is_written(tmp_path, tiny_classifier):
    for model, sentence in foreign.wrong_models(tiny_classifier).values():
        with pytest.raises(ValueError) as error:
            export(model, tmp_path / "new")
        assert sentence in str(error.value)
    assert not (tmp_path / "new").exists()


def test_a_plain_keras_classifier_is_exported_as_it_is(tmp_path, capsys):
    """Its own names mean nothing: `pool` and `block1_conv1` are no layers of a transformer."""
    layer = keras.layers.Normalization()  # whose state is no argument
    layer.adapt(foreign.pixels(20).astype("float32"))
    model = keras.Sequential([keras.Input((8, 8, 1)), layer, foreign.cnn()])
    saved_model, litert = export(model, tmp_path, class_names=["a", "b", "c"])
    assert "no signatures `features` and `attention`" in capsys.readouterr().out
    signatures = tf.saved_model.load(str(saved_model)).signatures
    assert sorted(signatures) == ["serve", "serve_bytes", "serve_uint8", "serving_default"]
    images = foreign.pixels()
    for path in (saved_model, litert):
        artefact = open_artefact(path)
        assert artefact.class_names == ("a", "b", "c")
        np.testing.assert_allclose(artefact.predict(images), model(images), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_float16", "float16", "bfloat16", "float64"])
def test_a_plain_keras_classifier_is_exported_in_float32(tmp_path, policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = foreign.cnn()
    finally:
        keras.config.set_dtype_policy("float32")
    images = foreign.pixels()
    (path,) = export(model, tmp_path, to=("tflite",))
    expected = keras.ops.convert_to_numpy(keras.ops.cast(model(images), "float32"))
    np.testing.assert_allclose(open_artefact(path).predict(images), expected, atol=0.02)
