"""Runs that end early and go on, compared bit for bit with one that was left alone."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from replicas import cross_entropy, examples, perceptron, strategy_of, weights_of

from keras_vit.training import Checkpoints, TrainingModel, checkpoint_files
from keras_vit.training.checkpoint_files import read_checkpoint, write_checkpoint

STEPS = 5  # an epoch
EPOCHS = 3


class Killed(Exception):
    pass


class KillAt(keras.callbacks.Callback):
    """Stands for a kill after a step; what the step would have saved is lost."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations.numpy()) == self.step:
            raise Killed


class Losses(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.losses = {}

    def on_train_batch_end(self, batch, logs=None):
        self.losses[int(self.model.optimizer.iterations.numpy())] = float(logs["loss"])


def build(replicas=1, jit_compile=False, units=4):
    keras.utils.set_random_seed(0)
    with strategy_of(replicas).scope():
        model = perceptron(TrainingModel, keras.layers.Dropout(0.3), keras.layers.Dense(units))
        optimizer = keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(0.05, STEPS * EPOCHS),
            global_clipnorm=0.5,
            use_ema=True,
            ema_momentum=0.9,
            ema_overwrite_frequency=7,
        )
        model.compile(
            optimizer,
            cross_entropy(),
            metrics=["accuracy"],
            accumulation=2,
            jit_compile=jit_compile,
        )
    return model


def run(folder, *, kill_at=None, every=2, **arguments):
    """Trains or goes on; returns losses by step, and the model with its early stopping."""
    model = build(**arguments)
    stopping = keras.callbacks.EarlyStopping("loss", patience=1, restore_best_weights=True)
    best = keras.callbacks.ModelCheckpoint(Path(folder, "best.keras"), "loss", save_best_only=True)
    losses = Losses()
    callbacks = [stopping, best, losses]
    checkpoints = Checkpoints(
        folder, steps_per_epoch=STEPS, every=every, callbacks=[stopping, best]
    )
    step = checkpoints.restore(model)
    x, y = examples(24, "float32")
    data = tf.data.Dataset.from_tensor_slices((x, y)).repeat().batch(8).skip(step)
    callbacks += [] if kill_at is None else [KillAt(kill_at)]
    try:
        model.fit(
            data,
            epochs=EPOCHS,
            initial_epoch=step // STEPS,
            steps_per_epoch=STEPS,
            callbacks=[*callbacks, checkpoints],
            verbose=0,
            shuffle=False,
        )
    except Killed:
        pass
    return losses.losses, model, (stopping, best)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """Losses of a run that was left alone, by step."""
    return run(tmp_path_factory.mktemp("whole"))[0]


@pytest.mark.parametrize(
    "replicas, jit_compile",
    [
        (1, True),
        pytest.param(2, False, marks=pytest.mark.slow),
        pytest.param(1, False, marks=pytest.mark.slow),
        pytest.param(2, True, marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_goes_on_bit_for_bit(tmp_path, replicas, jit_compile):
    arguments = dict(replicas=replicas, jit_compile=jit_compile)
    whole, model, callbacks = run(tmp_path / "whole", **arguments)
    losses = {}
    for kill_at in (5, 8, 11):  # at an epoch's end, after a save, before one
        losses.update(run(tmp_path / "killed", kill_at=kill_at, **arguments)[0])
    last, again, callbacks_again = run(tmp_path / "killed", **arguments)
    losses.update(last)
    assert set(last) == set(range(11, STEPS * EPOCHS + 1))
    assert losses == whole
    for left, right in zip(model.training_state, again.training_state, strict=True):
        np.testing.assert_array_equal(left.numpy(), right.numpy())
    assert again.history.history == model.history.history
    assert again.history.epoch == model.history.epoch
    for left, right in zip(callbacks, callbacks_again, strict=True):
        assert left.best == right.best
    assert callbacks_again[0].wait == callbacks[0].wait
    for left, right in zip(callbacks[0].best_weights, callbacks_again[0].best_weights, strict=True):
        np.testing.assert_array_equal(left, right)


def test_two_files_are_kept_and_nothing_else(tmp_path):
    (tmp_path / ".step-000000001.npz.1.unfinished").write_bytes(b"PK")
    run(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["best.keras", "step-000000014.npz", "step-000000015.npz"]


def test_without_a_checkpoint_training_begins_anew(tmp_path):
    assert Checkpoints(tmp_path / "none", steps_per_epoch=5).restore(build()) == 0


@pytest.mark.parametrize("damage", ["empty", "truncated", "flipped", "missing"])
def test_a_damaged_newest_file_falls_back_to_the_one_before(tmp_path, capsys, expected, damage):
    run(tmp_path / "run", kill_at=9)
    newest = tmp_path / "run" / "step-000000008.npz"
    content = bytearray(newest.read_bytes())
    if damage == "flipped":
        content[len(content) // 3] ^= 1
    if damage == "missing":
        newest.unlink()
    else:
        damaged = {"empty": b"", "truncated": content[:-500], "flipped": content}
        newest.write_bytes(damaged[damage])
    losses, _, _ = run(tmp_path / "run")
    assert losses == {step: loss for step, loss in expected.items() if step > 6}
    told = "step-000000008.npz: The checkpoint is damaged" in capsys.readouterr().out
    assert told == (damage != "missing")


def test_when_all_are_damaged_training_begins_anew(tmp_path):
    run(tmp_path, kill_at=5)
    for path in tmp_path.glob("step-*.npz"):
        path.write_bytes(b"")
    assert Checkpoints(tmp_path, steps_per_epoch=STEPS).restore(build()) == 0


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    run(tmp_path, kill_at=5)
    with pytest.raises(ValueError, match="is of another model or optimizer: it holds"):
        Checkpoints(tmp_path, steps_per_epoch=STEPS).restore(build(units=6))


@pytest.mark.slow
def test_another_number_of_replicas_goes_on_with_a_notice(tmp_path, capsys):
    run(tmp_path / "run", kill_at=9)
    losses, model, _ = run(tmp_path / "run", replicas=2)
    assert "is of 1 replicas and goes on with 2" in capsys.readouterr().out
    assert min(losses) == 9 and max(losses) == STEPS * EPOCHS
    assert np.isfinite(weights_of(model)).all()


def test_a_full_disk_stops_the_run_with_the_last_checkpoint_whole(tmp_path, monkeypatch):
    whole = checkpoint_files.save_arrays

    def save(file, arrays, notes):
        if notes["step"] == 6:
            file.write(b"PK")
            raise OSError(28, "No space left on device")
        whole(file, arrays, notes)

    monkeypatch.setattr("keras_vit.training.checkpoint_files.save_arrays", save)
    with pytest.raises(OSError, match="of step 6 could not be written .*No space left"):
        run(tmp_path)
    names = sorted(path.name for path in tmp_path.glob("*step*"))
    assert names == ["step-000000004.npz", "step-000000005.npz"]
    monkeypatch.undo()
    losses, _, _ = run(tmp_path)
    assert min(losses) == 6


def test_a_write_is_whole_or_not_at_all(tmp_path):
    path = tmp_path / "step-1.npz"
    write_checkpoint(path, {"a": np.arange(3)}, {"step": 1})
    arrays, notes = read_checkpoint(path)
    assert arrays["a"].tolist() == [0, 1, 2] and notes == {"step": 1}
    with pytest.raises(OSError):
        write_checkpoint(tmp_path / "no folder" / "step-2.npz", {}, {})
    assert [each.name for each in tmp_path.iterdir()] == ["step-1.npz"]


def test_objects_are_never_unpickled(tmp_path):
    np.savez(tmp_path / "step-1.npz", notes=np.array([{"step": 1}], dtype=object))
    with pytest.raises(ValueError, match="damaged"):
        read_checkpoint(tmp_path / "step-1.npz")


@pytest.mark.parametrize(
    "wrong, message", [(dict(keep=1), "at least 2: received keep=1"), (dict(every=0), "every=0")]
)
def test_a_number_out_of_its_range_is_refused(tmp_path, wrong, message):
    with pytest.raises(ValueError, match=message):
        Checkpoints(tmp_path, steps_per_epoch=5, **wrong)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_leaves_with_its_status(tmp_path, number):
    class Send(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    model = build()
    checkpoints = Checkpoints(tmp_path, steps_per_epoch=STEPS)
    x, y = examples(24, "float32")
    data = tf.data.Dataset.from_tensor_slices((x, y)).repeat().batch(8)
    with pytest.raises(SystemExit) as left:
        model.fit(
            data, steps_per_epoch=STEPS, verbose=0, shuffle=False, callbacks=[Send(), checkpoints]
        )
    assert left.value.code == 128 + number
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000003.npz"]
    assert signal.getsignal(number) is before


HARNESS = Path(__file__).with_name("killed_digits.py")


@pytest.mark.slow
def test_twenty_kills_of_the_digits_recipe_change_no_bit(tmp_path):
    """Kills at random moments, some of them inside a save; every loss is compared."""
    subprocess.run([sys.executable, HARNESS, tmp_path, "--kills", "20"], check=True)
