"""What a recipe trains can be exported when the training ends."""

import contextlib
import types

import keras
import numpy as np
import pytest
from keras import layers

from keras_vit.run import Training
from keras_vit.run.compiled import compiled_model
from keras_vit.tasks import classification
from keras_vit.tasks.classify import ClassHead

CONFIG = Training(
    epochs=1,
    batch_size=4,
    learning_rate=1e-3,
    weight_decay=0.0,
    warmup_epochs=0,
    run_dir="runs",
    export_dir="exports",
)
TASK = classification(["a", "b", "c"])
DEVICES = types.SimpleNamespace(scope=contextlib.nullcontext)


def test_a_sequential_model_is_trained():
    def build():
        return keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), ClassHead(3)])

    model = compiled_model(CONFIG, build, steps=1, devices=DEVICES, task=TASK)
    images, targets = np.zeros((4, 8, 8, 1)), np.eye(4, 3)
    before = np.asarray(model.get_layer("class_head").bias)
    model.fit(images, targets, batch_size=4, verbose=0)
    assert np.abs(model.get_layer("class_head").bias - before).max() > 0


@pytest.mark.parametrize(
    "activation, message",
    [(None, "has no head that chooses one of several classes"), ("softmax", "trains logits")],
)
def test_a_head_that_cannot_be_exported_is_refused_before_the_training(activation, message):
    def build():
        inputs = keras.Input((8, 8, 1))
        x = layers.Flatten()(inputs)
        return keras.Model(inputs, layers.Dense(3, activation=activation)(x))

    with pytest.raises(ValueError, match=message):
        compiled_model(CONFIG, build, steps=1, devices=DEVICES, task=TASK)
