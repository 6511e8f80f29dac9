"""What callbacks know goes on with the run; what they were told does not."""

import keras
import numpy as np
import pytest
from resuming import STEPS, KillAt, Killed, build_again, fit

from keras_vit.training import Checkpoints


@pytest.mark.parametrize("kill_at", [pytest.param(3, marks=pytest.mark.slow), 7])
def test_early_stopping_stops_where_it_would_have(tmp_path, kill_at):
    """Keras turns the sign of `min_delta` at its first use."""

    def run(folder, kill_at=None):
        model = build_again()
        stopping = keras.callbacks.EarlyStopping("loss", min_delta=0.03, patience=1)
        checkpoints = Checkpoints(folder, steps_per_epoch=STEPS, every=2, callbacks=[stopping])
        kill = [] if kill_at is None else [KillAt(kill_at)]
        try:
            fit(model, checkpoints, stopping, *kill, epochs=12)
        except Killed:
            return None
        return model.history.history

    whole = run(tmp_path / "whole")
    assert 2 < len(whole["loss"]) < 12
    assert run(tmp_path / "killed", kill_at) is None
    assert run(tmp_path / "killed") == whole


def test_settings_of_a_callback_are_those_of_the_run_that_goes_on(tmp_path):
    for folder in ("old", "new"):
        best = keras.callbacks.ModelCheckpoint(tmp_path / f"{folder}.keras", "loss")
        model = build_again()
        fit(model, Checkpoints(tmp_path, steps_per_epoch=STEPS, callbacks=[best]), best, epochs=1)
    assert best.filepath == str(tmp_path / "new.keras")


def fit_to(folder, epochs):
    model = build_again()
    stopping = keras.callbacks.EarlyStopping("loss", patience=9, restore_best_weights=True)
    checkpoints = Checkpoints(folder, steps_per_epoch=STEPS, callbacks=[stopping])
    fit(model, checkpoints, stopping, epochs=epochs)
    return model.history.history


def test_early_stopping_restores_its_best_weights_after_the_average(tmp_path):
    """As in stock Keras; and what goes on is the state before both."""
    model = build_again()
    stopping = keras.callbacks.EarlyStopping("loss", patience=9, restore_best_weights=True)
    fit(model, Checkpoints(tmp_path, steps_per_epoch=STEPS, callbacks=[stopping]), stopping)
    for weight, best in zip(model.get_weights(), stopping.best_weights, strict=True):
        np.testing.assert_array_equal(weight, best)
    whole = fit_to(tmp_path / "whole", 5)
    fit_to(tmp_path / "parts", 3)
    assert fit_to(tmp_path / "parts", 5) == whole


def test_a_finished_run_that_is_given_again_keeps_its_state(tmp_path):
    whole = fit_to(tmp_path / "whole", 3)
    fit_to(tmp_path / "again", 2)
    fit_to(tmp_path / "again", 2)
    assert fit_to(tmp_path / "again", 3) == whole
