from unittest import mock

import keras
import numpy as np
import pytest
from replicas import batches, cross_entropy, examples, perceptron, weights_of

from keras_vit.data import BrokenPictures
from keras_vit.layers import TransformerBlock
from keras_vit.models import vit
from keras_vit.tasks import classifier
from keras_vit.training import FirstStep, PatchDropoutSchedule, ReportBroken, WatchFinite


def test_a_schedule_without_a_first_rate_is_refused():
    with pytest.raises(ValueError, match="must begin with epoch 0: received {3: 0.5}"):
        PatchDropoutSchedule({3: 0.5})


@pytest.mark.slow
def test_patch_dropout_follows_its_schedule_in_the_compiled_step():
    backbone = vit("mu/4", image_size=8, class_token=False, patch_dropout=0.5)
    model = classifier(backbone, 3)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True), jit_compile=False)
    tokens, rates = [], []
    call = TransformerBlock.call

    def spy(block, x):
        tokens.append(x.shape[1])
        return call(block, x)

    images, labels = np.zeros((4, 8, 8, 3), "uint8"), np.zeros(4, int)
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: rates.append(model.get_layer("patch_dropout").rate)
    )
    schedule = PatchDropoutSchedule({0: 0.5, 1: 0.25, 3: 0.0})
    with mock.patch.object(TransformerBlock, "call", spy):
        model.fit(images, labels, epochs=4, verbose=0, callbacks=[schedule, watch])
    assert rates == [0.5, 0.25, 0.25, 0.0]
    assert sorted(set(tokens)) == [2, 3, 4]
    model.fit(images, labels, initial_epoch=2, epochs=3, verbose=0, callbacks=[schedule, watch])
    assert rates[-1] == 0.25  # a run that goes on in the middle


def test_broken_pictures_are_counted_and_printed_once_per_epoch(capsys):
    broken = BrokenPictures()
    report = ReportBroken(broken, shown=2)
    logs = {}
    report.on_epoch_end(3, logs)
    assert logs == {} and not capsys.readouterr().out  # a constant zero says nothing
    for path in ("a.jpg", "a.jpg", "b.jpg", "c.jpg"):
        broken.add(path, f"{path} is no image.")
    report.on_epoch_end(4, logs)
    out = capsys.readouterr().out
    assert logs == {"broken_pictures": 3}
    assert "3 pictures could not be read in epoch 5:\n  a.jpg: a.jpg is no image.\n  b.jpg" in out
    assert "and 1 more" in out
    report.on_epoch_end(5, logs)
    assert logs == {"broken_pictures": 0} and not capsys.readouterr().out
    broken.add("a.jpg", "a.jpg is no image.")
    report.on_epoch_end(6, logs)
    assert logs == {"broken_pictures": 1}
    assert "\n1 picture could not be read in epoch 7:\n  a.jpg: " in capsys.readouterr().out


def perceptron_fed_with_nan(**arguments):
    x, y = examples(8, "float32")
    x[5] = np.nan
    model = perceptron()
    model.compile("sgd", cross_entropy())
    callbacks = [WatchFinite(**arguments)]
    return model, lambda: model.fit(
        batches(x, y, 4), steps_per_epoch=2, verbose=0, shuffle=False, callbacks=callbacks
    )


def test_a_gradient_that_is_not_finite_ends_training_with_finite_weights():
    model, fit = perceptron_fed_with_nan()
    with pytest.raises(FloatingPointError, match="The gradient of step 2 of this epoch"):
        fit()
    assert np.isfinite(weights_of(model)).all()


def test_or_is_skipped_counted_and_shown(capsys):
    model, fit = perceptron_fed_with_nan(stop=False)
    history = fit().history
    assert history["skipped_steps"] == [1]
    assert np.isfinite(history["loss"]).all() and np.isfinite(weights_of(model)).all()
    assert "1 steps were skipped so far" in capsys.readouterr().out


def test_the_first_step_is_announced_and_what_fails_leaves_nothing(monkeypatch, capsys):
    monkeypatch.setattr("keras_vit.progress.LONG", 0.0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.zeros((4, 2))
    with FirstStep() as first_step:
        model.fit(x, x[:, :1], batch_size=1, epochs=2, callbacks=[first_step], verbose=0)
        assert capsys.readouterr().err.count("tracing and compiling the first step: ") == 1
        first_step.on_train_begin()
        first_step.on_train_batch_begin(0)
    assert capsys.readouterr().err.count("first step: ") == 1
