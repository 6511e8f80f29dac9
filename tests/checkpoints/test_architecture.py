"""A model is ours only if what we rebuild answers as it does."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_vit.checkpoints import architecture_of, load
from keras_vit.cli.open_model import open_exportable
from keras_vit.models import ViTConfig
from keras_vit.models.vit import encode, patch_tokens
from keras_vit.tasks import classifier, to_probabilities

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1)).astype("float32")


def probabilities(model):
    outputs = model.predict(IMAGES, verbose=0)
    return ops.convert_to_numpy(to_probabilities(model)(outputs))


def with_rolled_tokens():
    config = ViTConfig.of("mu/4", image_size=8, channels=1)
    images = keras.Input((8, 8, 1), name="images")
    tokens = ops.roll(patch_tokens(images, config), 1, axis=1)
    return classifier(keras.Model(images, encode(tokens, config)), 3)


def changed(ours):
    """Models of our layers and weights that answer otherwise, by what was changed."""
    logits = ours.output
    block = ours.get_layer("block00")
    tokens = ours.get_layer("pool")(ours.get_layer("norm")(block(block.output)))
    return {
        "temperature": keras.Model(ours.input, layers.Softmax()(logits / 10)),
        "clip": keras.Model(ours.input, ops.softmax(ops.clip(logits, -0.01, 0.01))),
        "softmax twice": keras.Model(ours.input, layers.Softmax()(layers.Softmax()(logits))),
        "rolled tokens": with_rolled_tokens(),
        "block twice": keras.Model(ours.input, ours.get_layer("head")(tokens)),
    }


def test_what_we_cannot_rebuild_is_not_taken_for_ours(tmp_path, tiny_classifier):
    for name, model in changed(tiny_classifier).items():
        with pytest.raises(ValueError, match="is no Vision Transformer of keras_vit"):
            architecture_of(model)
        model.save(tmp_path / "model.keras")
        with pytest.raises(ValueError, match="is no Vision Transformer of keras_vit"):
            load(tmp_path / "model.keras")
        opened = open_exportable(tmp_path / "model.keras")
        np.testing.assert_allclose(
            probabilities(opened), probabilities(model), atol=1e-6, err_msg=name
        )


def test_a_model_of_several_outputs_is_not_taken_for_ours(tmp_path, tiny_classifier):
    model = keras.Model(tiny_classifier.input, {"logits": tiny_classifier.output})
    model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="it answers with several outputs, or with named ones"):
        load(tmp_path / "model.keras")


def test_what_changes_no_answer_may_follow_or_stand_between(tiny_classifier):
    ours = tiny_classifier
    features = layers.Dropout(0.1)(ours.get_layer("pool").output)
    for model in (
        keras.Model(ours.input, layers.Softmax()(layers.Identity()(ours.output))),
        keras.Model(ours.input, layers.Activation("softmax")(ours.output)),
        keras.Model(ours.input, ours.get_layer("head")(features)),
    ):
        assert architecture_of(model) == architecture_of(ours)
