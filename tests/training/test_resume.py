"""Runs that end early and go on, compared bit for bit with one that was left alone."""

import contextlib
import gc
import os
import signal
import subprocess
import sys
import weakref
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


def build(replicas=1, jit_compile=False, units=4, metrics=("accuracy",)):
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
            metrics=metrics and list(metrics),
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
    callbacks += [] if kill_at is None else [KillAt(kill_at)]
    try:
        fit(model, checkpoints, *callbacks)
    except Killed:
        pass
    return losses.losses, model, (stopping, best)


def fit(model, checkpoints, *callbacks, epochs=EPOCHS):
    """Goes on with what the checkpoints hold, until the end."""
    step = checkpoints.restore(model)
    x, y = examples(24, "float32")
    model.fit(
        tf.data.Dataset.from_tensor_slices((x, y)).repeat().batch(8).skip(step),
        epochs=epochs,
        initial_epoch=step // STEPS,
        steps_per_epoch=STEPS,
        callbacks=[*callbacks, checkpoints],
        verbose=0,
        shuffle=False,
    )


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


@pytest.mark.parametrize("kill_at", [3, 7])
def test_early_stopping_stops_where_it_would_have(tmp_path, kill_at):
    """Keras turns the sign of `min_delta` at its first use."""

    def run(folder, kill_at=None):
        model = build()
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


def test_two_files_are_kept_and_nothing_else(tmp_path):
    (tmp_path / ".step-000000001.npz.1.unfinished").write_bytes(b"PK")
    run(tmp_path)
    names = sorted(path.name for path in tmp_path.glob("[!.]*"))
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


def test_when_all_are_damaged_training_begins_anew(tmp_path, expected):
    run(tmp_path, kill_at=5)
    for path in tmp_path.glob("step-*.npz"):
        path.write_bytes(b"")
    losses, _, _ = run(tmp_path, kill_at=5)
    assert losses == {step: loss for step, loss in expected.items() if step < 6}
    names = sorted(path.name for path in tmp_path.glob("step-*"))
    aside = [f"step-00000000{step}.npz.damaged" for step in (2, 4)]
    assert names == ["step-000000002.npz", aside[0], "step-000000004.npz", aside[1]]


def test_a_file_that_may_not_be_read_is_not_damaged(tmp_path):
    (tmp_path / "step-000000002.npz").mkdir()  # which cannot be opened either
    with pytest.raises(OSError):
        Checkpoints(tmp_path, steps_per_epoch=STEPS).restore(build())
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000002.npz"]


def test_every_flipped_bit_is_noticed_or_changes_nothing(tmp_path):
    path = tmp_path / "step-1.npz"
    arrays, notes = {"state/0": np.arange(3, dtype="float32")}, {"step": 1}
    write_checkpoint(path, arrays, notes)
    content, noticed = path.read_bytes(), 0
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        try:
            again, notes_again = read_checkpoint(path)
        except ValueError:
            noticed += 1
            continue
        assert notes_again == notes and again.keys() == arrays.keys()
        np.testing.assert_array_equal(again["state/0"], arrays["state/0"])
    assert noticed > len(content) / 2


def test_a_checkpoint_can_be_restored_again_and_after_an_evaluation(tmp_path, expected):
    run(tmp_path, kill_at=9)
    model, losses = build(), Losses()
    checkpoints = Checkpoints(tmp_path, steps_per_epoch=STEPS)
    assert checkpoints.find(model.distribute_strategy)["step"] == 8
    stopping = keras.callbacks.EarlyStopping("loss", patience=1, restore_best_weights=True)
    best = keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", "loss", save_best_only=True)
    checkpoints = Checkpoints(tmp_path, steps_per_epoch=STEPS, callbacks=[stopping, best])
    assert checkpoints.restore(model) == 8
    model.evaluate(*examples(8, "float32"), verbose=0)
    fit(model, checkpoints, stopping, best, losses)
    assert losses.losses == {step: loss for step, loss in expected.items() if step > 8}


def test_another_run_in_the_folder_is_not_lost(tmp_path):
    run(tmp_path, kill_at=9)
    files = {path: path.read_bytes() for path in tmp_path.glob("step-*")}
    checkpoints = Checkpoints(tmp_path, steps_per_epoch=STEPS)
    checkpoints.restore = lambda model: 0  # forgotten
    with pytest.raises(ValueError, match="holds another run, at step 8: call `restore`"):
        fit(build(), checkpoints)
    assert {path: path.read_bytes() for path in tmp_path.glob("step-*")} == files
    checkpoints.clear()
    fit(build(), checkpoints, epochs=1)
    assert [path.name for path in tmp_path.glob("step-*")] == ["step-000000005.npz"]


HOLD = """
import sys
from keras_vit.training.checkpoint_files import CheckpointFolder
folder = CheckpointFolder(sys.argv[1], keep=2)
folder.open()
print("held", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def another_process_holds(folder):
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", HOLD, folder], stdin=pipe, stdout=pipe) as other:
        assert other.stdout.readline() == b"held\n"
        yield
        other.kill()


def test_two_processes_do_not_write_to_one_folder(tmp_path):
    with another_process_holds(tmp_path):
        with pytest.raises(ValueError, match="Another run writes its checkpoints to"):
            fit(build(), Checkpoints(tmp_path, steps_per_epoch=STEPS))
    fit(build(), Checkpoints(tmp_path, steps_per_epoch=STEPS), epochs=1)


def test_a_finished_run_can_be_extended_with_the_weights_and_not_their_average(tmp_path):
    def trained(*ends):
        for epochs in ends:
            model = build()
            folder = tmp_path / str(len(ends))
            fit(model, Checkpoints(folder, steps_per_epoch=STEPS), epochs=epochs)
        return model

    whole, extended = trained(3), trained(2, 3)
    np.testing.assert_array_equal(weights_of(extended), weights_of(whole))
    assert (
        weights_of(whole)
        != np.concatenate(  # the average has taken their place at the end
            [v.ravel() for v in read_checkpoint(tmp_path / "1" / "step-000000015.npz")[0].values()]
        )[: weights_of(whole).size]
    ).any()


def test_other_callbacks_and_metrics_than_before_are_sentences(tmp_path):
    run(tmp_path, kill_at=9)
    with pytest.raises(ValueError, match=r"knows the callbacks \['EarlyStopping', 'ModelCheckp"):
        Checkpoints(tmp_path, steps_per_epoch=STEPS).restore(build())
    with pytest.raises(Killed):
        fit(build(), Checkpoints(tmp_path / "other", steps_per_epoch=STEPS, every=3), KillAt(4))
    model = build(metrics=None)
    with pytest.raises(ValueError, match="of other metrics: it holds 4 sums, and the model 2"):
        fit(model, Checkpoints(tmp_path / "other", steps_per_epoch=STEPS))


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
        fit(build(), Checkpoints(tmp_path, steps_per_epoch=STEPS, every=2), StopAndSend())
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
    whole = checkpoint_files.save_arrays

    def save(file, arrays, notes):
        if notes["step"] == STEPS:
            os.kill(os.getpid(), signal.SIGTERM)
        whole(file, arrays, notes)

    monkeypatch.setattr("keras_vit.training.checkpoint_files.save_arrays", save)
    with pytest.raises(SystemExit) as left:
        fit(build(), Checkpoints(tmp_path, steps_per_epoch=STEPS), epochs=1)
    assert left.value.code == 128 + signal.SIGTERM


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    class Spoil(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 3:
                self.model.trainable_variables[0].assign(self.model.trainable_variables[0] * np.inf)

    with pytest.raises(FloatingPointError, match="not finite after step 4, .* after step 2"):
        fit(build(), Checkpoints(tmp_path, steps_per_epoch=STEPS, every=2), Spoil())
    assert [path.name for path in tmp_path.glob("[!.]*")] == ["step-000000002.npz"]


def test_early_stopping_restores_its_best_weights_after_the_average(tmp_path):
    """As in stock Keras; and what goes on is the state before both."""
    model = build()
    stopping = keras.callbacks.EarlyStopping("loss", patience=9, restore_best_weights=True)
    fit(model, Checkpoints(tmp_path, steps_per_epoch=STEPS, callbacks=[stopping]), stopping)
    for weight, best in zip(model.get_weights(), stopping.best_weights, strict=True):
        np.testing.assert_array_equal(weight, best)
    whole = fit_to(tmp_path / "whole", 5)
    fit_to(tmp_path / "parts", 3)
    assert fit_to(tmp_path / "parts", 5).history.history == whole.history.history


def fit_to(folder, epochs):
    model = build()
    stopping = keras.callbacks.EarlyStopping("loss", patience=9, restore_best_weights=True)
    checkpoints = Checkpoints(folder, steps_per_epoch=STEPS, callbacks=[stopping])
    fit(model, checkpoints, stopping, epochs=epochs)
    return model


def test_a_finished_run_that_is_given_again_keeps_its_state(tmp_path):
    whole = fit_to(tmp_path / "whole", 3)
    fit_to(tmp_path / "again", 2)
    fit_to(tmp_path / "again", 2)
    assert fit_to(tmp_path / "again", 3).history.history == whole.history.history


def test_settings_of_a_callback_are_those_of_the_run_that_goes_on(tmp_path):
    for folder in ("old", "new"):
        best = keras.callbacks.ModelCheckpoint(tmp_path / f"{folder}.keras", "loss")
        model = build()
        fit(model, Checkpoints(tmp_path, steps_per_epoch=STEPS, callbacks=[best]), best, epochs=1)
    assert best.filepath == str(tmp_path / "new.keras")


def test_another_length_of_the_epoch_is_a_sentence(tmp_path):
    fit(build(), Checkpoints(tmp_path, steps_per_epoch=STEPS), epochs=1)
    with pytest.raises(ValueError, match="has epochs of 5 steps: received steps_per_epoch=4"):
        Checkpoints(tmp_path, steps_per_epoch=4).restore(build())


def test_clearing_asks_who_holds_the_folder(tmp_path):
    fit(build(), Checkpoints(tmp_path, steps_per_epoch=STEPS), epochs=1)
    with another_process_holds(tmp_path):
        with pytest.raises(ValueError, match="Another run writes its checkpoints to"):
            Checkpoints(tmp_path, steps_per_epoch=STEPS).clear()
    assert [path.name for path in tmp_path.glob("step-*")] == ["step-000000005.npz"]


HARNESS = Path(__file__).with_name("killed_digits.py")


@pytest.mark.slow
def test_twenty_kills_of_the_digits_recipe_change_no_bit(tmp_path):
    """Kills at random moments, some of them inside a save; every loss is compared."""
    subprocess.run([sys.executable, HARNESS, tmp_path, "--kills", "20"], check=True)
