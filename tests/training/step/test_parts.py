"""What a part of a batch weighs in the loss of the whole."""

import functools

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
from thinned import thinned

from keras_vit.errors import UserError
from keras_vit.training import TrainingModel

pytestmark = pytest.mark.usefixtures("free_memory")


def options(model_class):
    """Arguments of `compile`: Keras' own step, which is compared with, is not traced."""
    return dict(run_eagerly=model_class is keras.Model, jit_compile=False)


@pytest.mark.parametrize(
    "reduction, accumulation",
    [
        ("sum", 1),
        ("sum_over_batch_size", 2),
        pytest.param("mean_with_sample_weight", 2, marks=pytest.mark.slow),
        pytest.param("sum_over_batch_size", 1, marks=pytest.mark.slow),
        pytest.param("mean_with_sample_weight", 1, marks=pytest.mark.slow),
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
            model.compile(keras.optimizers.SGD(0.1), loss, **options(model_class), **kwargs)
        data = batches(x, y, 8, weights)
        model.fit(data, steps_per_epoch=2, verbose=0, shuffle=False)
        return weights_of(model)

    expected = trained(keras.Model, 1)
    actual = trained(TrainingModel, 2, accumulation=accumulation)
    np.testing.assert_allclose(actual, expected, atol=1e-12)


@pytest.mark.parametrize("last", thinned([1, 3], fast=1))
def test_an_odd_last_batch_counts_by_its_examples(float64, last):
    x, y = examples(4 + last)

    def trained(model_class, replicas):
        keras.utils.set_random_seed(0)
        with strategy_of(replicas).scope():
            model = perceptron(model_class)
            model.compile(keras.optimizers.SGD(0.1), cross_entropy(), **options(model_class))
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


@pytest.mark.parametrize(
    "loss, splits",
    [
        (mean_of_the_batch, [(2, 2)]),
        pytest.param(MeanOfTheBatch(), [(1, 1), (2, 1)], marks=pytest.mark.slow),
    ],
)
def test_a_loss_of_one_number_for_a_batch_is_averaged_over_replicas_too(float64, loss, splits):
    def trained(model_class, replicas, **kwargs):
        keras.utils.set_random_seed(0)
        with strategy_of(replicas).scope():
            model = perceptron(model_class)
            model.compile(keras.optimizers.SGD(0.5), loss, **options(model_class), **kwargs)
        data = batches(*examples(8), 8)
        logs = model.fit(data, steps_per_epoch=3, verbose=0, shuffle=False).history
        return [*weights_of(model), *logs["loss"], model.evaluate(*examples(8), verbose=0)]

    expected = trained(keras.Model, 1)
    for replicas, accumulation in splits:
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
            optimizer = keras.optimizers.SGD(0.5)
            model.compile(optimizer, cross_entropy(), **options(model_class), **kwargs)
        model.fit(batches(*examples(8), 8), steps_per_epoch=4, verbose=0, shuffle=False)
        return weights_of(model)

    expected = trained(keras.Model, 1)
    np.testing.assert_allclose(trained(TrainingModel, 2, accumulation=2), expected, atol=1e-12)


@pytest.mark.parametrize("accumulation", thinned([2, 1], fast=1))
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

    weights, expected = trained(keras.Model, 1, run_eagerly=True)
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


VOID = 255
SPARSE = keras.losses.SparseCategoricalCrossentropy
void_loss = functools.partial(
    keras.losses.sparse_categorical_crossentropy, from_logits=True, ignore_class=VOID
)


def lambda_loss(y_true, y_pred):
    return void_loss(y_true, y_pred)


class Half(keras.losses.Loss):
    """A loss with another inside it."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def call(self, y_true, y_pred):
        return 0.5 * self.inner.call(y_true, y_pred)


def labels_with_void(count):
    x, y = examples(count)
    labels = y.argmax(-1)
    labels[count // 2 :: 2] = VOID  # more of them in the second half
    return x, labels


def trained(model_class, loss, data, replicas=1, layers=(), **kwargs):
    keras.utils.set_random_seed(0)
    with strategy_of(replicas).scope():
        model = perceptron(model_class, *layers)
        model.compile(keras.optimizers.SGD(0.5), loss, **options(model_class), **kwargs)
    batches = tf.data.Dataset.from_tensor_slices(data).batch(8)
    history = model.fit(batches, epochs=2, verbose=0, shuffle=False).history
    return [*weights_of(model), *history["loss"], model.evaluate(batches, verbose=0)]


@pytest.mark.parametrize(
    "loss", thinned([lambda_loss, SPARSE(True, ignore_class=VOID), void_loss], fast=1)
)
def test_void_labels_on_one_device_are_stock_keras(float64, loss):
    data = labels_with_void(20)
    expected, actual = (trained(kind, loss, data) for kind in (keras.Model, TrainingModel))
    np.testing.assert_allclose(actual, expected, atol=1e-12)


@pytest.mark.parametrize(
    "loss",
    [
        Half(SPARSE(True, ignore_class=VOID)),
        SPARSE(True, ignore_class=VOID).call,
        ["mse", {"a": [Half(SPARSE(True, ignore_class=VOID))]}],
    ],
)
@pytest.mark.parametrize("replicas, accumulation", [(2, 1), (1, 2)])
def test_void_labels_that_a_loss_ignores_in_its_own_way_are_refused(loss, replicas, accumulation):
    with strategy_of(replicas).scope():
        model = perceptron()
    with pytest.raises(UserError, match=r"ignore_class=\d+ in .*|number differs"):
        model.compile("sgd", loss, accumulation=accumulation)


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", SPARSE(True), "mse"])
def test_losses_without_void_labels_are_not(loss):
    perceptron().compile("sgd", loss, accumulation=2)


def test_void_labels_that_show_only_in_the_loss_are_refused_in_fit():
    model = perceptron()
    model.compile("sgd", lambda_loss, accumulation=2)
    x, y = labels_with_void(8)
    with pytest.raises(UserError, match="number differs between the parts of a batch.*a mask"):
        model.fit(x, y, batch_size=8, verbose=0)


@pytest.mark.slow
def test_a_sum_over_void_labels_adds_up_over_replicas(float64):
    # Batches of one size: Keras reports a sum weighted by the size of each batch, ours does not.
    loss, data = SPARSE(True, ignore_class=VOID, reduction="sum"), labels_with_void(16)
    expected = trained(keras.Model, loss, data)
    np.testing.assert_allclose(trained(TrainingModel, loss, data, 2), expected, atol=1e-12)


@pytest.mark.parametrize(
    "loss", ["dice", keras.losses.Dice(), keras.losses.Tversky(axis=(0, 1)), keras.losses.Circle()]
)
def test_losses_of_a_whole_batch_are_not_split(loss):
    with pytest.raises(UserError, match="is of a whole batch and cannot be split"):
        perceptron().compile("sgd", loss, accumulation=2)
    perceptron().compile("sgd", loss)
    perceptron().compile("sgd", keras.losses.Dice(axis=1), accumulation=2)


def masked():
    return keras.layers.Reshape((2, 2)), keras.layers.Masking()


def masked_data():
    x, y = examples(8)
    return x, np.stack([y, y[::-1]], axis=1)


def test_masks_on_one_device_are_stock_keras(float64):
    def layers():  # ReLU makes whole places zero, which are masked
        return (keras.layers.ReLU(), *masked())

    expected, actual = (
        trained(kind, "mse", masked_data(), layers=layers())
        for kind in (keras.Model, TrainingModel)
    )
    np.testing.assert_allclose(actual, expected, atol=1e-12)


@pytest.mark.parametrize("replicas, accumulation", [(2, 1), (1, 2)])
def test_masks_of_a_batch_that_is_split_are_refused(float64, replicas, accumulation):
    with pytest.raises(UserError, match="a mask"):
        trained(TrainingModel, "mse", masked_data(), replicas, masked(), accumulation=accumulation)


@keras.saving.register_keras_serializable("test_parts")
class AddLoss(keras.layers.Layer):
    def __init__(self, of):
        super().__init__(name="extra")
        self.of = of

    def call(self, x):
        self.add_loss(self.of(keras.ops.square(x)))
        return x


def added(replicas, of=keras.ops.mean, model_class=TrainingModel, loss=(), data=None, **kwargs):
    """Trains by what a layer adds, and by nothing else where `loss` is empty."""
    keras.utils.set_random_seed(0)
    with strategy_of(replicas).scope():
        model = perceptron(model_class, AddLoss(of), keras.layers.Dense(4, kernel_regularizer="l2"))
        model.compile(keras.optimizers.SGD(0.5), *loss, **options(model_class), **kwargs)
    data = data or (examples(20)[0],)
    batches = tf.data.Dataset.from_tensor_slices(data).batch(8)  # the last one holds four
    history = model.fit(batches, epochs=2, verbose=0, shuffle=False).history
    loss = model.evaluate(batches, verbose=0)
    return [*weights_of(model), *history["loss"], loss]


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
@pytest.mark.parametrize(
    "replicas, accumulation", [(1, 2), pytest.param(2, 2, marks=pytest.mark.slow)]
)
def test_losses_that_layers_add_train_without_another(float64, replicas, accumulation):
    expected = added(1, model_class=keras.Model)
    actual = added(replicas, accumulation=accumulation)
    np.testing.assert_allclose(actual, expected, atol=1e-12)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_and_beside_another_and_with_none_said(float64):
    of = dict(loss=[cross_entropy()], data=examples(20))
    expected = added(1, model_class=keras.Model, **of)
    np.testing.assert_allclose(added(2, **of), expected, atol=1e-12)
    alone = added(1, model_class=keras.Model)
    np.testing.assert_allclose(added(1, loss=[None]), alone, atol=1e-12)


@pytest.mark.parametrize(
    "of, kwargs",
    [
        (lambda x: keras.ops.mean(x, axis=-1), {}),
        (keras.ops.mean, dict(loss=[cross_entropy(reduction="sum")], data=examples(8))),
        (
            keras.ops.mean,
            dict(
                loss=[cross_entropy(reduction="mean_with_sample_weight")],
                data=(*examples(8), np.arange(8.0)),
            ),
        ),
    ],
)
def test_added_losses_that_cannot_be_weighed_are_refused_by_name(float64, of, kwargs):
    with pytest.raises(UserError, match="The layer extra calls `add_loss`, .*received the shape"):
        added(2, of, **kwargs)


def test_regularizers_of_outputs_are_sums_over_the_batch_and_refused_by_name():
    def model():
        return perceptron(TrainingModel, keras.layers.ActivityRegularization(0.1, name="act"))

    with pytest.raises(UserError, match="The layer act has an `activity_regularizer`, a sum"):
        model().compile("sgd", "mse", accumulation=2)
    model().compile("sgd", "mse")
