"""Clipping, what is not finite, float16's scale, decay and averages: once per step."""

import keras
import numpy as np
import pytest
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

from keras_vit.training import TrainingModel

pytestmark = pytest.mark.usefixtures("free_memory")


def test_a_clipped_update_has_the_norm_it_was_clipped_to():
    """Stock Keras on two replicas clips each part: the update's norm is up to 0.2."""
    with two_replicas().scope():
        model = perceptron()
        model.compile(keras.optimizers.SGD(1.0, global_clipnorm=0.1), cross_entropy())
    before = weights_of(model)
    model.fit(batches(*examples(8, "float32"), 8), steps_per_epoch=1, verbose=0, shuffle=False)
    np.testing.assert_allclose(np.linalg.norm(weights_of(model) - before), 0.1, rtol=1e-5)


@pytest.mark.parametrize(
    "replicas, jit_compile",
    [(2, False), (1, True), pytest.param(2, True, marks=pytest.mark.slow)],
)
def test_a_step_that_is_not_finite_changes_nothing_and_is_counted(replicas, jit_compile):
    x, y = examples(8, "float32")
    x[-1] = np.nan  # the last replica's
    with strategy_of(replicas).scope():
        model = perceptron()
        optimizer = keras.optimizers.Adam(0.1, use_ema=True)
        model.compile(optimizer, cross_entropy(), jit_compile=jit_compile)
    before = [variable.numpy() for variable in optimizer.variables], weights_of(model)
    logs = model.fit(batches(x, y, 8), steps_per_epoch=3, verbose=0, shuffle=False).history
    after = [variable.numpy() for variable in optimizer.variables], weights_of(model)
    assert int(model.skipped_steps.numpy()) == 3
    assert logs["loss"] == [0]
    for left, right in zip(before[0], after[0], strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("replicas", thinned([2, 1], fast=1))
@pytest.mark.parametrize("clip", [{}, {"global_clipnorm": 1.0}, {"clipnorm": 1.0}])
def test_a_gradient_whose_norm_overflows_is_not_finite(replicas, clip):
    """Clipped by it, every weight would be no number, or zero."""
    x, y = examples(8, "float32")
    with strategy_of(replicas).scope():
        model = perceptron()
        model.compile(keras.optimizers.SGD(0.1, **clip), "mse")
    before = weights_of(model)
    model.fit(batches(x, 1e21 * y, 8), steps_per_epoch=2, verbose=0, shuffle=False)
    assert int(model.skipped_steps.numpy()) == 2
    np.testing.assert_array_equal(weights_of(model), before)


def test_float16_overflow_on_the_second_replica_halves_the_scale_and_spares_the_weights():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        with two_replicas().scope():
            model = perceptron()
            model.compile(keras.optimizers.SGD(0.1), cross_entropy())
        x, y = examples(16, "float32")
        x[4:8] = 1e5  # the second half of the first batch: infinite in float16
        before = weights_of(model)
        after = []
        log = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: after.append(weights_of(model))
        )
        model.fit(batches(x, y, 8), steps_per_epoch=2, verbose=0, shuffle=False, callbacks=[log])
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(after[0], before)
    assert np.isfinite(after[1]).all() and (after[1] != before).any()
    assert int(model.skipped_steps.numpy()) == 1
    assert float(model.loss_scale.numpy()) == 2.0**14


def test_float16_scale_doubles_after_many_finite_steps(monkeypatch):
    monkeypatch.setattr("keras_vit.training.step.update.GROWTH_STEPS", 2)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = perceptron()
        model.compile(keras.optimizers.SGD(0.1), cross_entropy())
        model.fit(batches(*examples(8, "float32"), 8), steps_per_epoch=5, verbose=0, shuffle=False)
    finally:
        keras.config.set_dtype_policy("float32")
    assert float(model.loss_scale.numpy()) == 2.0**17


def test_float16_scale_stays_at_least_one():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = perceptron()
        model.compile(keras.optimizers.SGD(0.1), cross_entropy())
    finally:
        keras.config.set_dtype_policy("float32")
    model.loss_scale.assign(2.0)
    x, y = examples(8, "float32")
    model.fit(batches(x * np.inf, y, 8), steps_per_epoch=3, verbose=0, shuffle=False)
    assert float(model.loss_scale.numpy()) == 1


def test_weights_that_the_loss_does_not_hang_on_stay_undecayed():
    inputs = keras.Input((5,))
    used, unused = keras.layers.Dense(3, name="used"), keras.layers.Dense(3, name="unused")
    model = TrainingModel(inputs, [used(inputs), unused(inputs)])
    optimizer = keras.optimizers.AdamW(0.1, weight_decay=0.5, global_clipnorm=1.0)
    model.compile(optimizer, [cross_entropy(), None])
    x, y = examples(8, "float32")
    before = unused.kernel.numpy()
    with pytest.warns(UserWarning, match="Gradients do not exist for variables .*unused"):
        model.fit(batches(x, (y, y), 8), steps_per_epoch=2, verbose=0, shuffle=False)
    np.testing.assert_array_equal(unused.kernel.numpy(), before)


def test_what_the_step_does_itself_is_refused_in_the_optimizer():
    model = perceptron()
    with pytest.raises(ValueError, match="at least 1: received accumulation=0"):
        model.compile("sgd", cross_entropy(), accumulation=0)
    with pytest.raises(ValueError, match="needs a mean loss: received reduction='sum'"):
        model.compile("sgd", cross_entropy(reduction="sum"), accumulation=2)
    with pytest.raises(ValueError, match="received gradient_accumulation_steps=2"):
        model.compile(keras.optimizers.SGD(gradient_accumulation_steps=2), cross_entropy())
    with pytest.raises(ValueError, match="loss_scale_factor, received 8"):
        model.compile(keras.optimizers.SGD(loss_scale_factor=8.0), cross_entropy())
    with pytest.raises(ValueError, match="pass the optimizer inside the LossScaleOptimizer"):
        model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD()), cross_entropy())


def test_averages_warm_up():
    model = perceptron()
    optimizer = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.5)
    model.compile(optimizer, cross_entropy(), ema_warmup=True)
    steps = []
    log = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: steps.append(weights_of(model))
    )
    data = batches(*examples(40, "float32"), 8)
    model.fit(data, steps_per_epoch=12, verbose=0, shuffle=False, callbacks=[log])
    average = steps[0]
    for step, weights in enumerate(steps[1:], start=1):
        momentum = min(0.5, (1 + step) / (10 + step))
        average = momentum * average + (1 - momentum) * weights
    np.testing.assert_allclose(weights_of(model), average, rtol=1e-5)  # `fit` ends with it
