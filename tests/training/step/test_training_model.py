"""The train step on one replica and two, compared with stock Keras on one device."""

import functools
import itertools

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
    two_replicas,
    weights_of,
)
from thinned import thinned

from keras_vit.training import TrainingModel, WatchFinite

OPTIMIZERS = {
    "sgd": functools.partial(keras.optimizers.SGD, 0.3, momentum=0.9),
    "adamw": functools.partial(keras.optimizers.AdamW, 0.02, weight_decay=0.1),
    "lamb": functools.partial(keras.optimizers.Lamb, 0.02),
}

pytestmark = pytest.mark.usefixtures("free_memory")


CLIPS = {
    "global_clipnorm": {"global_clipnorm": 0.1},
    "no clip": {},
    "clipnorm": {"clipnorm": 0.05},
    "clipvalue": {"clipvalue": 0.01},
}


EMAS = {"no ema": {}, "ema": dict(use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=3)}


def train(model_class, optimizer, *, replicas=1, steps=5, **compile_arguments):
    keras.utils.set_random_seed(0)
    with strategy_of(replicas).scope():
        model = perceptron(model_class)
        model.compile(optimizer(), cross_entropy(), metrics=["accuracy"], **compile_arguments)
    data = batches(*examples(40), 8)
    history = model.fit(data, epochs=1, steps_per_epoch=steps, verbose=0, shuffle=False)
    return weights_of(model), history.history


@functools.cache
def reference(optimizer, clip, ema):
    """Stock Keras on one device."""
    build = functools.partial(OPTIMIZERS[optimizer], **CLIPS[clip], **EMAS[ema])
    return train(keras.Model, build, run_eagerly=True)


# Every value of one with every value of each other: a dozen, where the product has 96.
COMBINATIONS = [
    (optimizer, clip, list(EMAS)[(i + j) % 2], [1, 4][(i + j // 2) % 2], bool((i + j + j // 2) % 2))
    for i, optimizer in enumerate(OPTIMIZERS)
    for j, clip in enumerate(CLIPS)
]


def test_each_pair_of_values_is_combined():
    values = [list(OPTIMIZERS), list(CLIPS), list(EMAS), [1, 4], [False, True]]
    for left, right in itertools.combinations(range(len(values)), 2):
        pairs = {(each[left], each[right]) for each in COMBINATIONS}
        assert pairs == set(itertools.product(values[left], values[right]))


@pytest.mark.parametrize(
    "optimizer, clip, ema, accumulation, jit_compile",
    [
        pytest.param(*each, marks=[] if place in (0, 4) else pytest.mark.slow)
        for place, each in enumerate(COMBINATIONS)
    ],
)
def test_two_replicas_are_one(float64, optimizer, clip, ema, accumulation, jit_compile):
    expected, history = reference(optimizer, clip, ema)
    build = functools.partial(OPTIMIZERS[optimizer], **CLIPS[clip], **EMAS[ema])
    weights, again = train(
        TrainingModel, build, replicas=2, accumulation=accumulation, jit_compile=jit_compile
    )
    np.testing.assert_allclose(weights, expected, atol=1e-7, rtol=0)
    np.testing.assert_allclose(again["loss"], history["loss"], atol=1e-7)
    assert again["accuracy"] == history["accuracy"]


@pytest.mark.parametrize(
    "accumulation, jit_compile",
    [
        (1, True),
        (4, False),
        *(pytest.param(*each, marks=pytest.mark.slow) for each in [(4, True), (1, False)]),
    ],
)
def test_one_replica_is_stock_keras(float64, accumulation, jit_compile):
    arguments = "adamw", "global_clipnorm", "ema"
    expected, _ = reference(*arguments)
    build = functools.partial(OPTIMIZERS[arguments[0]], **CLIPS[arguments[1]], **EMAS[arguments[2]])
    weights, _ = train(TrainingModel, build, accumulation=accumulation, jit_compile=jit_compile)
    np.testing.assert_allclose(weights, expected, atol=1e-7, rtol=0)


def test_no_batch_is_read_and_thrown_away():
    """Stock Keras under a strategy reads one to build the model."""
    seen = []
    x, y = examples(8, "float32")
    data = tf.data.Dataset.range(4).map(
        lambda i: (tf.py_function(lambda i: seen.append(int(i)) or x[:4], [i], tf.float32), y[:4])
    )
    data = data.map(lambda x, y: (tf.ensure_shape(x, (4, 5)), y))
    with two_replicas().scope():
        model = perceptron()
        model.compile("sgd", cross_entropy())
    model.fit(data, verbose=0, shuffle=False)
    assert seen == [0, 1, 2, 3]


@pytest.mark.parametrize("jit_compile", thinned([False, True], fast=1))
def test_replicas_and_micro_batches_draw_other_masks(jit_compile):
    """Four equal examples in four parts: if two parts drew alike, every count were even."""
    with two_replicas().scope():
        inputs = keras.Input((64,))
        x = keras.layers.Dropout(0.5, seed=1)(inputs)
        x = keras.layers.Dense(1, kernel_initializer="zeros", use_bias=False)(x)
        model = TrainingModel(inputs, x)
        loss = keras.losses.MeanAbsoluteError()
        model.compile(keras.optimizers.SGD(2.0), loss, accumulation=2, jit_compile=jit_compile)
    model.fit(np.ones((4, 64)), np.ones((4, 1)), batch_size=4, verbose=0)
    kept = weights_of(model)  # how many of the four masks kept each of the 64 numbers
    assert {1, 3} < set(kept.round(4).tolist()) <= {0, 1, 2, 3, 4}


def test_seeds_are_alike_on_all_replicas_after_a_step():
    with two_replicas().scope():
        model = perceptron(TrainingModel, keras.layers.Dropout(0.5, seed=3))
        model.compile("sgd", cross_entropy())
    x, y = examples(8, "float32")
    model.fit(batches(x, y, 8), steps_per_epoch=3, verbose=0, shuffle=False)
    (state,) = [v for v in model.non_trainable_variables if "seed_generator_state" in v.path]
    for local in model.distribute_strategy.experimental_local_results(state.value):
        np.testing.assert_array_equal(local.numpy(), [3, 3])


def test_the_logs_of_each_step_are_those_of_the_whole_batches(float64):
    x, y = examples(14)
    weights = np.arange(14.0)

    def logged(replicas, **kwargs):
        keras.utils.set_random_seed(0)
        seen = []
        with strategy_of(replicas).scope():
            model = perceptron()
            model.compile(
                keras.optimizers.SGD(0.1),
                cross_entropy(reduction="mean_with_sample_weight"),
                metrics=["accuracy"],
                weighted_metrics=["accuracy"],
                **kwargs,
            )
        log = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: seen.append(logs)
        )
        data = tf.data.Dataset.from_tensor_slices((x, y, weights)).batch(8)
        model.fit(data, verbose=0, shuffle=False, callbacks=[log])
        return [list(map(float, logs.values())) for logs in seen]

    np.testing.assert_allclose(logged(2), logged(1, run_eagerly=True), rtol=1e-12)


def fit_labels(labels, loss, replicas=1, scale=1, units=3):
    """Fits labels with XLA, which makes a loss of NaN of one that is out of range."""
    x, _ = examples(8, "float32")
    with strategy_of(replicas).scope():
        inputs = keras.Input((5,))
        model = TrainingModel(inputs, keras.layers.Dense(units)(inputs))
        model.compile("sgd", loss, jit_compile=True)
    data = tf.data.Dataset.from_tensor_slices((x * scale, np.array(labels))).batch(8)
    model.fit(data, verbose=0, shuffle=False, callbacks=[WatchFinite()])


SPARSE = keras.losses.SparseCategoricalCrossentropy


@pytest.mark.parametrize(
    "replicas, shape", [(2, (8,)), (1, (8, 1)), pytest.param(2, (8, 1), marks=pytest.mark.slow)]
)
def test_a_label_out_of_range_is_told_from_a_gradient_that_overflows(replicas, shape):
    labels = np.reshape([0, 1, 2, 0, 1, 2, 7, 0], shape)
    with pytest.raises(ValueError, match=r"must lie in \[0, 3\): received 7 in step 1 of this"):
        fit_labels(labels, SPARSE(from_logits=True), replicas)


@pytest.mark.parametrize(
    "labels, loss, units",
    [
        ([0, 1, 2, 0, 1, 2, 7, 0], SPARSE(from_logits=True, ignore_class=7), 3),  # void
        ([0, 1, 2, 0, 1, 2, 7, 0], "mse", 1),  # no classes
    ],
)
def test_a_gradient_that_overflows_is_told_from_a_label_out_of_range(labels, loss, units):
    with pytest.raises(FloatingPointError, match="The gradient of step 1"):
        fit_labels(labels, loss, scale=np.inf, units=units)


def test_training_what_is_not_compiled_is_a_sentence():
    with pytest.raises(ValueError, match="You must call `compile"):
        perceptron().fit(*examples(8, "float32"), batch_size=8, verbose=0)


def test_statistics_and_metrics_are_spared_by_a_step_that_is_not_finite():
    x, y = examples(16, "float32")
    x[8:] = np.nan  # the second of two batches
    norm = keras.layers.BatchNormalization()
    model = perceptron(TrainingModel, norm)
    model.compile("sgd", cross_entropy(), metrics=["mse"])
    logs = model.fit(x[:8], y[:8], batch_size=8, verbose=0).history
    again = perceptron(TrainingModel, norm2 := keras.layers.BatchNormalization())
    again.set_weights(model.get_weights())
    model.fit(x[8:], y[8:], batch_size=8, verbose=0)
    assert int(model.skipped_steps.numpy()) == 1
    np.testing.assert_array_equal(norm.moving_mean.numpy(), norm2.moving_mean.numpy())
    keras.utils.set_random_seed(0)
    both = perceptron()
    both.compile(keras.optimizers.SGD(0.0), cross_entropy(), metrics=["mse"])
    logs = both.fit(x, y, batch_size=8, verbose=0, shuffle=False).history
    alone = both.evaluate(x[:8], y[:8], verbose=0, return_dict=True)
    np.testing.assert_allclose([logs["loss"][0], logs["mse"][0]], list(alone.values()), rtol=1e-6)


def test_statistics_are_those_of_all_examples_in_their_order(float64):
    """Of an odd last batch, one replica has three examples and then none."""
    x, y = examples(9)

    def trained(model_class, replicas):
        keras.utils.set_random_seed(0)
        with strategy_of(replicas).scope():
            model = perceptron(model_class, keras.layers.BatchNormalization())
            is_stock = model_class is keras.Model
            model.compile(keras.optimizers.SGD(0.0), cross_entropy(), run_eagerly=is_stock)
        before = [weight.path for weight in model.weights]
        data = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
        model.fit(data, verbose=0, shuffle=False)
        assert [weight.path for weight in model.weights] == before
        return {weight.name: weight.numpy() for weight in model.non_trainable_weights}

    expected, actual = trained(keras.Model, 1), trained(TrainingModel, 2)
    assert actual.keys() == {"moving_mean", "moving_variance"}
    np.testing.assert_allclose(actual["moving_mean"], expected["moving_mean"], atol=1e-12)
    assert np.isfinite(actual["moving_variance"]).all()


@keras.saving.register_keras_serializable("test_step")
class Noise(keras.layers.Layer):
    def call(self, x):
        return x + keras.random.normal((4,))


def test_random_numbers_without_a_seed_of_the_model_are_refused():
    model = perceptron(TrainingModel, Noise())
    model.compile("sgd", cross_entropy())
    with pytest.raises(ValueError, match="give the layer a keras.random.SeedGenerator of its own"):
        model.fit(*examples(8, "float32"), batch_size=8, verbose=0)


def test_a_compiled_model_is_saved_and_loaded(tmp_path):
    model = perceptron()
    optimizer = keras.optimizers.AdamW(0.1, use_ema=True)
    model.compile(optimizer, cross_entropy(), metrics=["accuracy"], accumulation=2)
    data = batches(*examples(8, "float32"), 8)
    model.fit(data, steps_per_epoch=2, verbose=0, shuffle=False)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(again, TrainingModel)
    for each in (model, again):
        each.fit(data, steps_per_epoch=2, verbose=0, shuffle=False)
    np.testing.assert_array_equal(weights_of(again), weights_of(model))


def test_accumulation_keeps_statistics_out():
    model = perceptron(TrainingModel, keras.layers.BatchNormalization())
    model.compile("sgd", cross_entropy(), accumulation=2)
    with pytest.raises(ValueError, match="change no weight going forward"):
        model.fit(*examples(8, "float32"), batch_size=8, verbose=0)


def test_statistics_are_kept_without_accumulation():
    norm = keras.layers.BatchNormalization()
    model = perceptron(TrainingModel, norm)
    model.compile("sgd", cross_entropy(), jit_compile=True)
    model.fit(*examples(8, "float32"), batch_size=8, verbose=0)
    assert (norm.moving_mean.numpy() != 0).all()


def test_evaluation_and_prediction_are_those_of_one_device():
    x, y = examples(21, "float32")
    results = []
    for replicas in (1, 2):
        keras.utils.set_random_seed(0)
        with strategy_of(replicas).scope():
            model = perceptron()
            model.compile("sgd", cross_entropy(), metrics=["accuracy"])
        data = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
        results.append((model.evaluate(data, verbose=0), model.predict(data, verbose=0)))
    for one, two in zip(*results, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)


def test_a_batch_that_the_micro_batches_do_not_divide_is_a_sentence():
    model = perceptron()
    model.compile("sgd", cross_entropy(), accumulation=3)
    with pytest.raises(ValueError, match="received accumulation=3, 8 examples"):
        model.fit(batches(*examples(8, "float32"), 8), steps_per_epoch=1, verbose=0, shuffle=False)


def test_an_odd_last_batch_that_the_micro_batches_do_not_divide_is_a_sentence():
    model = perceptron()
    model.compile("sgd", cross_entropy(), accumulation=2, jit_compile=True)
    data = tf.data.Dataset.from_tensor_slices(examples(7, "float32")).batch(4)
    with pytest.raises(ValueError, match="received accumulation=2, 3 examples"):
        model.fit(data, verbose=0, shuffle=False)


def test_a_layer_that_xla_cannot_compile_is_an_error_and_not_a_warning():
    model = perceptron(TrainingModel, keras.layers.RandomRotation(0.1, name="turn"))
    with pytest.raises(ValueError, match="supports_jit=False in turn"):
        model.compile("sgd", cross_entropy(), jit_compile=True)
