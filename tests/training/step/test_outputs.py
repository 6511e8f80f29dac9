"""Any structure of outputs, with and without labels."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from replicas import examples, perceptron, strategy_of, untuned, weights_of

from keras_vit.errors import UserError
from keras_vit.losses import WeightedLoss
from keras_vit.training import TrainingModel

pytestmark = [
    pytest.mark.usefixtures("free_memory"),
    pytest.mark.filterwarnings("ignore:Gradients do not exist"),
]


class Apart(WeightedLoss):
    """Two views must agree and vary; no labels."""

    def values(self, y_true, y_pred):
        assert y_true == {"left": None, "right": [None]}
        left, right = y_pred["left"], y_pred["right"][0]
        return keras.ops.square(left - right) - 0.1 * keras.ops.square(left)


def nested(model_class):
    inputs = keras.Input((5,))
    left, right = (keras.layers.Dense(3)(inputs) for _ in range(2))
    return model_class(inputs, {"views": {"left": left, "right": [right]}, "other": left + right})


def one_by_one(x, build, loss):
    """Trains with a gradient tape, without `fit`."""
    keras.utils.set_random_seed(0)
    model = build(keras.Model)
    for part in (x[:8], x[8:]):
        with tf.GradientTape() as tape:
            total = loss(model(part))
        variables = model.trainable_variables
        for variable, gradient in zip(variables, tape.gradient(total, variables), strict=True):
            if gradient is not None:
                variable.assign_sub(0.5 * gradient)
    return weights_of(model)


def trained(build, replicas, data, **kwargs):
    keras.utils.set_random_seed(0)
    with strategy_of(replicas).scope():
        model = build(TrainingModel)
        model.compile(keras.optimizers.SGD(0.5), **kwargs)
    batches = untuned(data, 8)
    model.fit(batches, verbose=0, shuffle=False, validation_data=batches)
    return weights_of(model)


@pytest.mark.parametrize(
    "replicas, accumulation",
    [(2, 2), *(pytest.param(*split, marks=pytest.mark.slow) for split in [(1, 1), (2, 1)])],
)
def test_nested_outputs_train_without_labels(float64, replicas, accumulation):
    x, _ = examples(12)
    loss = {"views": Apart(), "other": None}
    actual = trained(nested, replicas, x, loss=loss, accumulation=accumulation)
    expected = one_by_one(x, nested, lambda y: Apart()({"left": None, "right": [None]}, y["views"]))
    np.testing.assert_allclose(actual, expected, atol=1e-7)


@pytest.mark.parametrize("loss", ["mse", lambda y_true, y_pred: y_pred])
def test_a_loss_that_needs_labels_says_so(loss):
    model = perceptron()
    model.compile("sgd", loss)
    with pytest.raises(UserError, match="received no labels and the loss (mse|<lambda>)"):
        model.fit(examples(8, "float32")[0], verbose=0)


class AddMean(keras.layers.Layer):
    def call(self, x):
        self.add_loss(keras.ops.mean(keras.ops.square(x)))
        return x


@pytest.mark.slow
@pytest.mark.parametrize("replicas, accumulation", [(1, 1), (2, 2)])
def test_nested_outputs_train_by_what_layers_add(float64, replicas, accumulation):
    def build(model_class):
        inputs = keras.Input((5,))
        both = [AddMean()(keras.layers.Dense(3)(inputs)), inputs]
        return model_class(inputs, {"both": both})

    x, _ = examples(12)
    actual = trained(build, replicas, x, accumulation=accumulation)
    expected = one_by_one(x, build, lambda y: keras.ops.mean(keras.ops.square(y["both"][0])))
    np.testing.assert_allclose(actual, expected, atol=1e-7)
