"""With averages of the weights (EMA), what is scored at the end of an epoch is what is saved."""

import functools

import keras
import numpy as np
import pytest
from replicas import cross_entropy, examples, perceptron, strategy_of, weights_of
from thinned import thinned

from keras_vit.training import TrainingModel, layerwise

STEPS = 4
AVERAGE = dict(use_ema=True, ema_momentum=0.9)


def several(**average):
    def build(factor, waits):
        return keras.optimizers.SGD(0.5 * factor, **average)

    return layerwise(build, depth=1, decay=0.5)


def build(optimizer, replicas=1, **kwargs):
    keras.utils.set_random_seed(0)
    with strategy_of(replicas).scope():
        model = perceptron(TrainingModel, keras.layers.Dropout(0.2))
        model.compile(optimizer(), cross_entropy(), metrics=["mse"], **kwargs)
    return model


def fit(model, epochs=3, **kwargs):
    x, y = examples(8 * STEPS, "float32")
    return model.fit(x, y, batch_size=8, epochs=epochs, verbose=0, shuffle=False, **kwargs).history


@pytest.mark.parametrize("replicas", thinned([1, 2], fast=1))
@pytest.mark.parametrize(
    "optimizer", thinned([several, functools.partial(keras.optimizers.AdamW, 0.05)], fast=1)
)
def test_validation_scores_the_averages_that_are_saved(optimizer, replicas):
    held_out = examples(12, "float32")
    optimizer = functools.partial(optimizer, **AVERAGE)
    plain, watched = build(optimizer, replicas), build(optimizer, replicas, ema_warmup=False)
    losses = fit(plain)["loss"]
    history = fit(watched, validation_data=held_out, validation_freq=[1, 3])
    assert history["loss"] == losses  # training sees nothing of it
    np.testing.assert_array_equal(weights_of(watched), weights_of(plain))
    scored = watched.evaluate(*held_out, batch_size=8, verbose=0, return_dict=True)
    assert {name: history[f"val_{name}"][-1] for name in scored} == scored
    for left, right in zip(
        plain.training_state.values(), watched.training_state.values(), strict=True
    ):
        np.testing.assert_array_equal(left.numpy(), right.numpy())


def test_with_warm_up_too_and_weights_are_back_for_the_next_epoch():
    held_out = examples(12, "float32")
    seen = {}
    model = build(functools.partial(keras.optimizers.SGD, 0.5, **AVERAGE), ema_warmup=True)

    def note(moment):
        return lambda *args, **logs: seen.setdefault(moment, []).append(weights_of(model))

    watch = keras.callbacks.LambdaCallback(
        on_epoch_begin=note("begin"), on_epoch_end=note("end"), on_train_batch_end=note("step")
    )
    history = fit(model, validation_data=held_out, callbacks=watch)
    for epoch in (1, 2):
        np.testing.assert_array_equal(seen["begin"][epoch], seen["step"][STEPS * epoch - 1])
    assert (seen["end"][0] != seen["step"][STEPS - 1]).any()
    np.testing.assert_array_equal(seen["end"][-1], weights_of(model))
    scored = model.evaluate(*held_out, batch_size=8, verbose=0)
    assert [history["val_loss"][-1], history["val_mse"][-1]] == scored


def test_the_best_average_is_what_early_stopping_keeps_and_what_is_saved(tmp_path):
    held_out = examples(12, "float32")
    model = build(functools.partial(keras.optimizers.SGD, 0.5, **AVERAGE))
    path = tmp_path / "best.keras"
    callbacks = [
        keras.callbacks.ModelCheckpoint(path, "val_loss", save_best_only=True),
        keras.callbacks.EarlyStopping("val_loss", patience=9, restore_best_weights=True),
    ]
    best = min(fit(model, validation_data=held_out, callbacks=callbacks)["val_loss"])
    assert model.evaluate(*held_out, batch_size=8, verbose=0)[0] == best
    assert keras.saving.load_model(path).evaluate(*held_out, batch_size=8, verbose=0)[0] == best


def test_evaluate_by_hand_scores_the_weights():
    model = build(functools.partial(keras.optimizers.SGD, 0.5, **AVERAGE))
    x, y = examples(8, "float32")
    model.train_on_batch(x, y)
    model.train_on_batch(x, y)
    before = weights_of(model)
    model.evaluate(x, y, verbose=0)
    np.testing.assert_array_equal(weights_of(model), before)


def test_weights_are_back_where_validation_fails():
    model = build(functools.partial(keras.optimizers.SGD, 0.5, **AVERAGE))
    seen = []

    def fail(logs):
        seen.append(weights_of(model))
        raise KeyboardInterrupt

    watch = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(weights_of(model))
    )
    watch.on_test_end = fail
    callbacks = keras.callbacks.CallbackList([watch], model=model)
    with pytest.raises(KeyboardInterrupt):
        fit(model, validation_data=examples(12, "float32"), callbacks=callbacks)
    assert callbacks.callbacks == [watch]
    *_, trained, scored = seen
    assert (scored != trained).any()
    np.testing.assert_array_equal(weights_of(model), trained)


def test_without_a_finite_step_the_weights_stay():
    model = build(functools.partial(keras.optimizers.SGD, 0.5, **AVERAGE))
    before = weights_of(model)
    x, y = examples(8, "float32")
    model.fit(x * np.nan, y, validation_data=(x, y), batch_size=8, verbose=0)
    np.testing.assert_array_equal(weights_of(model), before)


def test_keras_own_swap_would_undo_it():
    model = build(functools.partial(keras.optimizers.SGD, 0.5, **AVERAGE))
    with pytest.raises(ValueError, match="leave out the callback SwapEMAWeights"):
        fit(model, callbacks=[keras.callbacks.SwapEMAWeights()])
