"""What the head of a model is, whoever built the model: answered, or refused in a sentence."""

import keras
import numpy as np
import pytest
from foreign import cnn, pixels, wrong_models
from keras import layers

from keras_vit.errors import UserError
from keras_vit.models import vit
from keras_vit.tasks import classifier, to_probabilities

LOGITS = np.array([[1.0, 2.0, 4.0]], "float32")


def softmax(x):
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


@pytest.mark.parametrize("distilled", [False, True])
def test_our_logits_become_probabilities(distilled):
    backbone = vit("mu/4", image_size=8, distillation_token=distilled)
    model = classifier(backbone, 3, distillation_head=distilled)
    convert = to_probabilities(model)
    np.testing.assert_allclose(convert(LOGITS), softmax(LOGITS), atol=1e-6)
    again = keras.Model(model.input, layers.Activation("linear")(model.output))
    np.testing.assert_allclose(to_probabilities(again)(LOGITS), softmax(LOGITS), atol=1e-6)


def test_what_is_a_softmax_already_stays_as_it_is(tiny_classifier):
    ours, model = tiny_classifier, cnn()
    inputs = keras.Input((8, 8, 1))
    linear = cnn(activation=None)
    for each in (
        model,
        keras.Model(ours.input, layers.Softmax()(ours.output)),
        keras.Model(ours.input, layers.Activation("softmax")(ours.output)),
        keras.Model(ours.input, keras.ops.softmax(ours.output)),
        keras.Model(model.input, layers.Dropout(0.1)(model.output)),
        keras.Model(inputs, model(inputs)),
        keras.Sequential([keras.Input((8, 8, 1)), linear, layers.Softmax()]),
        keras.Sequential([keras.Input((8, 8, 1)), model]),
    ):
        convert = to_probabilities(each)
        np.testing.assert_array_equal(convert(LOGITS), LOGITS)
        answers = convert(each(pixels()))
        np.testing.assert_allclose(np.sum(answers, axis=-1), 1, atol=1e-6)


def test_anything_else_is_a_sentence(tiny_classifier):
    for model, sentence in wrong_models(tiny_classifier).values():
        with pytest.raises(UserError) as error:
            to_probabilities(model)
        assert sentence in str(error.value)
    named = keras.Model(tiny_classifier.input, {"a": tiny_classifier.output})
    with pytest.raises(UserError, match="A classifier has one output: .* has 1, in a dict"):
        to_probabilities(named)
    with pytest.raises(UserError, match="a functional or sequential model with an input"):
        to_probabilities(keras.Sequential([layers.Dense(3)]))
