"""What a part of a batch weighs in the loss of the whole."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from replicas import (
    batches,
    cross_entropy,
    examples,
    perceptron,
    strategy_of,
    weights_of,
)

from keras_vit.training import TrainingModel

pytestmark = pytest.mark.usefixtures("free_memory")


@pytest.mark.parametrize(
    "reduction, accumulation",
    [
        ("sum_over_batch_size", 1),
        ("sum_over_batch_size", 2),
        ("mean_with_sample_weight", 1),
        ("mean_with_sample_weight", 2),
        ("sum", 1),
    ],
)
def test_weights_of_examples_count_over_the_whole_batch(float64, reduction, accumulation):
    x, y = examples(8)
    weights = np.arange(8.0)

    def trained(model_class, replicas, **kwargs):
        keras.utils.set_random_seed(0)
        with strategy_of(replicas).scope():
            model = perceptron(model_class)
            loss = cross_entropy(reduction=reduction)
            model.compile(keras.optimizers.SGD(0.1), loss, jit_compile=False, **kwargs)
        data = batches(x, y, 8, weights)
        model.fit(data, steps_per_epoch=2, verbose=0, shuffle=False)
        return weights_of(model)

    expected = trained(keras.Model, 1)
    actual = trained(TrainingModel, 2, accumulation=accumulation)
    np.testing.assert_allclose(actual, expected, atol=1e-12)


@pytest.mark.parametrize("last", [1, 3])
def test_an_odd_last_batch_counts_by_its_examples(float64, last):
    x, y = examples(4 + last)

    def trained(model_class, replicas):
        keras.utils.set_random_seed(0)
        with strategy_of(replicas).scope():
            model = perceptron(model_class)
            model.compile(keras.optimizers.SGD(0.1), cross_entropy(), jit_compile=False)
        data = tf.data.Dataset.from_tensor_slices((x, y)).batch(4)
        history = model.fit(data, epochs=2, verbose=0, shuffle=False)
        return weights_of(model), history.history["loss"]

    for expected, actual in zip(trained(keras.Model, 1), trained(TrainingModel, 2), strict=True):
        np.testing.assert_allclose(actual, expected, atol=1e-12)


def mean_of_the_batch(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(y_true - y_pred))


class MeanOfTheBatch(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return mean_of_the_batch(y_true, y_pred)


@pytest.mark.parametrize("loss", [mean_of_the_batch, MeanOfTheBatch()])
def test_a_loss_of_one_number_for_a_batch_is_averaged_over_replicas_too(float64, loss):
    def trained(model_class, replicas, **kwargs):
        keras.utils.set_random_seed(0)
        with strategy_of(replicas).scope():
            model = perceptron(model_class)
            model.compile(keras.optimizers.SGD(0.5), loss, jit_compile=False, **kwargs)
        data = batches(*examples(8), 8)
        logs = model.fit(data, steps_per_epoch=3, verbose=0, shuffle=False).history
        return [*weights_of(model), *logs["loss"], model.evaluate(*examples(8), verbose=0)]

    expected = trained(keras.Model, 1)
    for replicas, accumulation in ((1, 1), (2, 1), (2, 2)):
        actual = trained(TrainingModel, replicas, accumulation=accumulation)
        np.testing.assert_allclose(actual, expected, atol=1e-12)


def test_weights_of_examples_count_in_evaluation_as_in_training(float64):
    x, y = examples(8)
    weights = np.arange(8.0)
    losses = []
    for replicas in (1, 2):
        keras.utils.set_random_seed(0)
        with strategy_of(replicas).scope():
            model = perceptron()
            model.compile("sgd", cross_entropy(reduction="mean_with_sample_weight"))
        losses.append(model.evaluate(x, y, batch_size=4, sample_weight=weights, verbose=0))
    each = cross_entropy(reduction=None)(y, model.predict(x, verbose=0))
    np.testing.assert_allclose(losses, np.average(each, weights=weights), rtol=1e-12)


def test_regularizers_and_added_losses_count_once(float64):
    def trained(model_class, replicas, **kwargs):
        keras.utils.set_random_seed(0)
        with strategy_of(replicas).scope():
            layers = keras.layers.Dense(4, kernel_regularizer="l2")
            model = perceptron(model_class, layers)
            model.compile(keras.optimizers.SGD(0.5), cross_entropy(), jit_compile=False, **kwargs)
        model.fit(batches(*examples(8), 8), steps_per_epoch=4, verbose=0, shuffle=False)
        return weights_of(model)

    expected = trained(keras.Model, 1)
    np.testing.assert_allclose(trained(TrainingModel, 2, accumulation=2), expected, atol=1e-12)


@pytest.mark.parametrize("accumulation", [1, 2])
def test_several_inputs_and_outputs_have_losses_and_metrics_of_their_own(accumulation):
    x, y = examples(16, "float32")

    def trained(model_class, replicas, **kwargs):
        keras.utils.set_random_seed(0)
        with strategy_of(replicas).scope():
            inputs = {name: keras.Input((5,), name=name) for name in ("left", "right")}
            both = keras.layers.Concatenate()(list(inputs.values()))
            names = ("kind", "size")
            outputs = {name: keras.layers.Dense(3, name=name)(both) for name in names}
            model = model_class(inputs, outputs)
            losses = {"kind": cross_entropy(), "size": "mse"}
            metrics = {"kind": ["accuracy"], "size": ["mae"]}
            model.compile(keras.optimizers.SGD(0.1), losses, metrics=metrics, **kwargs)
        data = ({"left": x, "right": x[::-1]}, {"kind": y, "size": x[:, :3]})
        batches = tf.data.Dataset.from_tensor_slices(data).batch(8)
        history = model.fit(batches, epochs=2, verbose=0, shuffle=False).history
        return weights_of(model), history

    weights, expected = trained(keras.Model, 1, jit_compile=False)
    again, history = trained(TrainingModel, 2, accumulation=accumulation)
    np.testing.assert_allclose(again, weights, atol=1e-6)
    assert history.keys() == expected.keys() and "kind_loss" in history
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    "losses, message",
    [
        (cross_entropy(reduction=None), "a mean or a sum: received reduction=None"),
        ([cross_entropy(reduction="sum"), "mse"], r"received the reductions \['mean', 'sum'\]"),
        ([cross_entropy(reduction="mean_with_sample_weight")] * 2, "must all be means"),
    ],
)
def test_losses_whose_parts_do_not_add_up_are_refused(losses, message):
    with pytest.raises(ValueError, match=message):
        perceptron().compile("sgd", losses)
