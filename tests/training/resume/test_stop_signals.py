"""SIGTERM and Ctrl-C at odd moments of `fit`."""

import gc
import os
import signal
import weakref
from pathlib import Path

import keras
import pytest
from resuming import STEPS, KillAt, Killed, build, build_again, fit

from keras_vit.training import Checkpoints
from keras_vit.training.resume import files


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_leaves_with_its_status(tmp_path, number):
    class Send(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    model = build_again()
    checkpoints = Checkpoints(tmp_path, steps_per_epoch=STEPS)
    with pytest.raises(SystemExit) as left:
        fit(model, checkpoints, Send())
    assert left.value.code == 128 + number
    assert [path.name for path in tmp_path.glob("[!.]*")] == ["step-000000003.npz"]
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_the_epoch_that_is_stopped_early_leaves_too(tmp_path, number):
    class StopAndSend(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True
            os.kill(os.getpid(), number)

    with pytest.raises(SystemExit) as left:
        fit(build_again(), Checkpoints(tmp_path, steps_per_epoch=STEPS, every=2), StopAndSend())
    assert left.value.code == 128 + number
    names = sorted(path.name for path in tmp_path.glob("[!.]*"))
    assert names == ["step-000000002.npz", "step-000000004.npz"]


def test_however_fit_ends_signals_and_folder_are_given_back(tmp_path):
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    files = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    models = weakref.WeakSet()
    for _ in range(2):
        model = build()
        models.add(model)
        with pytest.raises(Killed):
            fit(model, Checkpoints(tmp_path, steps_per_epoch=STEPS), KillAt(2))
        assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)] == before
        assert model.checkpoints is None
    del model
    keras.utils.clear_session()
    gc.collect()
    assert len(models) <= 1  # pytest holds the last exception
    assert not files or len(os.listdir("/proc/self/fd")) <= files


def test_a_signal_in_the_last_save_is_heard(tmp_path, monkeypatch):
    whole = files.save_arrays

    def save(file, arrays, notes):
        if notes["step"] == STEPS:
            os.kill(os.getpid(), signal.SIGTERM)
        whole(file, arrays, notes)

    monkeypatch.setattr("keras_vit.training.resume.files.save_arrays", save)
    with pytest.raises(SystemExit) as left:
        fit(build_again(), Checkpoints(tmp_path, steps_per_epoch=STEPS), epochs=1)
    assert left.value.code == 128 + signal.SIGTERM
