"""What a served classifier answers, signature by signature, where Keras is not."""

import io
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_vit.data import centre_crop
from keras_vit.export.saved_model import has_tokens, write_saved_model
from keras_vit.images.preprocessing import Preprocessing
from keras_vit.interpret import attention_rollout
from keras_vit.models import vit
from keras_vit.tasks import classifier, features
from keras_vit.tasks.pooled import POOLS

NAMES = ["crane", "zwölf", "crane"]  # ImageNet has two cranes
CROP = Preprocessing(image_size=(8, 12), crop_ratio=0.75)


def softmax(logits):
    return keras.ops.convert_to_numpy(keras.ops.softmax(logits))


def encoded(pixels, kind="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A model, its backbone and the SavedModel of it."""
    path = tmp_path_factory.mktemp("served") / "1"
    keras.utils.set_random_seed(0)
    backbone = vit("mu/4", image_size=(8, 12))
    model = classifier(backbone, 3)
    for weight in model.trainable_weights:
        weight.assign_add(keras.random.normal(weight.shape, stddev=0.2))
    write_saved_model(model, path, class_names=NAMES, preprocessing=CROP)
    return model, backbone, path, tf.saved_model.load(str(path))


def test_blocks_that_attend_in_windows_have_no_attention_map():
    backbone = vit("mu/4", image_size=8, class_token=False, window=1)
    assert not has_tokens(classifier(backbone, 3, pool="mean"))
    for pool in POOLS:
        assert has_tokens(classifier(vit("mu/4", image_size=8), 3, pool=pool))


@pytest.mark.parametrize("count", [1, 5])
def test_pixels_give_probabilities_and_the_best_classes(served, count):
    model, _, _, loaded = served
    images = np.random.default_rng(0).integers(0, 256, (count, 8, 12, 3)).astype("uint8")
    expected = softmax(model(images))
    order = np.argsort(-expected, axis=-1)
    for name, dtype in (
        ("serve", "float32"),
        ("serving_default", "float32"),
        ("serve_uint8", "uint8"),
    ):
        answers = loaded.signatures[name](images=tf.constant(images.astype(dtype)))
        assert sorted(answers) == ["classes", "probabilities", "scores"]
        np.testing.assert_allclose(answers["probabilities"], expected, atol=1e-6)
        np.testing.assert_allclose(
            answers["scores"], np.take_along_axis(expected, order, axis=-1), atol=1e-6
        )
        classes = [[name.decode() for name in row] for row in answers["classes"].numpy()]
        assert classes == np.array(NAMES)[order].tolist()


def test_a_model_of_other_channels_takes_pixels_and_no_pictures(tmp_path):
    model = classifier(vit("mu/4", image_size=8, channels=4), 3)
    write_saved_model(model, tmp_path / "1")
    signatures = tf.saved_model.load(str(tmp_path / "1")).signatures
    assert "serve_bytes" not in signatures and "attention" in signatures
    images = np.random.default_rng(0).uniform(0, 255, (2, 8, 8, 4)).astype("float32")
    answers = signatures["serve"](images=tf.constant(images))["probabilities"]
    np.testing.assert_allclose(answers, softmax(model(images)), atol=1e-6)


def test_encoded_pictures_are_seen_as_evaluation_sees_them(served):
    model, _, _, loaded = served
    rng = np.random.default_rng(0)
    shapes = [(8, 12), (31, 17), (17, 31), (64, 64), (3, 5)]
    pixels = [rng.integers(0, 256, (*shape, 3)).astype("uint8") for shape in shapes]
    files = [
        encoded(pixels[0]),
        encoded(pixels[1], "JPEG"),
        encoded(pixels[2]),
        encoded(pixels[3], "JPEG"),
        encoded(pixels[4]),
    ]
    answers = loaded.signatures["serve_bytes"](image_bytes=tf.constant(files))
    assert answers["valid"].numpy().all()
    seen = np.stack([centre_crop(file, preprocessing=CROP).numpy() for file in files])
    np.testing.assert_allclose(answers["probabilities"], softmax(model(seen)), atol=1e-6)


def test_a_broken_picture_does_not_fail_its_neighbours(served):
    loaded = served[3]
    good = encoded(np.full((9, 9, 3), 100, "uint8"))
    jpeg = encoded(np.full((64, 64, 3), 100, "uint8"), "JPEG")
    bomb = good[:16] + (60_000).to_bytes(4, "big") * 2 + good[24:]
    files = [good, b"", b"text", good[:-20], jpeg[: len(jpeg) // 2], bomb, good]
    answers = loaded.signatures["serve_bytes"](image_bytes=tf.constant(files))
    whole = [True, False, False, False, False, False, True]
    assert answers["valid"].numpy().tolist() == whole
    probabilities = answers["probabilities"].numpy()
    np.testing.assert_allclose(probabilities.sum(axis=-1), np.array(whole, float), atol=1e-6)
    np.testing.assert_allclose(probabilities[0], probabilities[-1], atol=1e-6)
    assert answers["classes"].numpy()[1].tolist() == [b"", b"", b""]
    answers = loaded.signatures["serve_bytes"](image_bytes=tf.constant([b"", b""]))
    assert not answers["valid"].numpy().any() and not answers["scores"].numpy().any()


def test_features_and_attention(served):
    model, backbone, _, loaded = served
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 12, 3)).astype("float32")
    answer = loaded.signatures["features"](images=tf.constant(images))["features"]
    np.testing.assert_allclose(answer, features(backbone)(images), atol=1e-5)
    answer = loaded.signatures["attention"](images=tf.constant(images))["attention"]
    assert answer.shape == (2, 2, 3)
    np.testing.assert_allclose(answer, attention_rollout(model)(images), atol=1e-6)


def test_no_answer_is_sent_as_base64(served):
    """As TensorFlow Serving sends every output over REST whose name ends in `_bytes`."""
    for signature in served[3].signatures.values():
        assert not [name for name in signature.structured_outputs if name.endswith("_bytes")]


@pytest.mark.slow
def test_it_loads_where_keras_is_not(served):
    script = """
import sys
sys.modules["keras"] = sys.modules["tf_keras"] = sys.modules["keras_vit"] = None
import tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
answers = loaded.signatures["serve_bytes"](image_bytes=tf.constant([b"x"]))
assert answers["valid"].numpy().tolist() == [False]
print(sorted(loaded.signatures))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(served[2])], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    names = ["attention", "features", "serve", "serve_bytes", "serve_uint8", "serving_default"]
    assert done.stdout.strip() == str(names)


def test_what_lies_beside_it(served):
    extra = served[2] / "assets.extra"
    assert (extra / "labels.txt").read_text("utf-8").split("\n") == NAMES
    assert json.loads((extra / "metadata.json").read_text()) == {
        "task": "classification",
        "image_size": [8, 12],
        "channels": 3,
        "pixels": "0 to 255",
        "crop_ratio": 0.75,
        "interpolation": "bicubic",
        "fit": "crop",
        "crop_offset": "round",
        "attention": "rollout",
    }


def test_weights_are_stored_once(served):
    stored = sum(file.stat().st_size for file in (served[2] / "variables").iterdir())
    assert stored < 1.2 * sum(weight.numpy().nbytes for weight in served[0].weights)
