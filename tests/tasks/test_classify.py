import keras
import numpy as np
import pytest
from gradients import gradients_of

from keras_vit.images.preprocessing import Preprocessing
from keras_vit.models import vit
from keras_vit.tasks import class_names_of, classifier, preprocessing_of


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1)).astype("uint8")


def build(pool=None, **options):
    return classifier(vit("mu/4", image_size=8, channels=1, **options), 3, pool=pool)


@pytest.mark.parametrize("pool", ["class_token", "mean", "class_token_and_mean", "attention"])
def test_every_pooling_gives_logits_and_a_gradient_for_every_weight(images, pool):
    model = build(pool, num_registers=2, distillation_token=True)
    entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    weights = model.trainable_weights
    gradients = gradients_of(lambda: entropy(np.array([0, 1, 2, 0]), model(images)), weights)
    for weight, gradient in zip(weights, gradients, strict=True):
        assert np.abs(gradient).max() > 0, weight.path
    assert model.output_shape == (None, 3)


def test_the_default_pooling_is_the_class_token_where_there_is_one():
    assert type(build().get_layer("pool")).__name__ == "TokenPool"
    assert type(build(class_token=False).get_layer("pool")).__name__ == "MeanPool"


def test_mean_pooling_leaves_prefix_tokens_out(images):
    model = build("mean", num_registers=2)
    tokens = keras.Model(model.input, model.get_layer("norm").output)(images)
    pooled = keras.Model(model.input, model.get_layer("pool").output)(images)
    np.testing.assert_allclose(pooled, np.asarray(tokens)[:, 3:].mean(1), atol=1e-6)


def test_a_head_shares_the_weights_of_its_backbone():
    backbone = vit("mu/4", image_size=8)
    model = classifier(backbone, 3)
    assert model.get_layer("block00") is backbone.get_layer("block00")


def test_logits_are_float32_under_a_mixed_policy(images):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build("attention")
        assert model.get_layer("norm").compute_dtype == "bfloat16"
        assert model(images).dtype == "float32"
    finally:
        keras.config.set_dtype_policy("float32")


def test_class_names_are_saved_with_the_model(tmp_path, tiny_classifier):
    tiny_classifier.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    assert reloaded.get_layer("head").class_names == ["nought", "one", "zwölf"]


def test_names_and_preprocessing_are_found_wherever_the_head_stands(tiny_classifier):
    ours, names = tiny_classifier, ["nought", "one", "zwölf"]
    remembered = Preprocessing(image_size=8, crop_ratio=0.5, interpolation="bilinear")
    ours.get_layer("head").remember(remembered)
    inputs = keras.Input((8, 8, 1))
    nested = keras.Model(inputs, ours(inputs))
    twice = keras.Sequential([inputs, nested, keras.layers.Softmax()])
    for model in (nested, twice, keras.Sequential([ours, keras.layers.Softmax()])):
        assert class_names_of(model) == names
        assert preprocessing_of(model) == remembered
    other = keras.Model(ours.input, keras.layers.Dense(5, activation="softmax")(ours.output))
    assert class_names_of(other) is None  # the names are of other classes


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="needs a backbone with class_token=True"):
        build("class_token", class_token=False)
    with pytest.raises(ValueError, match="received 'max'"):
        build("max")
    with pytest.raises(ValueError, match="received 2 names for 3 classes"):
        classifier(vit("mu/4", image_size=8), 3, class_names=["a", "b"])


@pytest.mark.slow
def test_overfits_32_images():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (32, 8, 8, 1)).astype("uint8")
    labels = rng.integers(0, 3, 32)
    model = build()
    model.compile(
        keras.optimizers.Adam(3e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(images, labels, batch_size=32, epochs=100, verbose=0)
    loss, accuracy = model.evaluate(images, labels, verbose=0)
    assert accuracy == 1
    assert loss < 0.01
