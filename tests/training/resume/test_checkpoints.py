"""Runs that end early and go on, compared bit for bit with one that was left alone."""

import keras
import numpy as np
import pytest
from replicas import examples, weights_of
from resuming import EPOCHS, STEPS, KillAt, Killed, Losses, build, build_again, fit, run
from thinned import thinned

from keras_vit.training import Checkpoints
from keras_vit.training.resume import files
from keras_vit.training.resume.files import read_checkpoint


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """Losses of a run that was left alone, by step."""
    return run(tmp_path_factory.mktemp("whole"))[0]


@pytest.mark.parametrize(
    "replicas, jit_compile, kills",
    [  # at an epoch's end, after a save, before one
        (1, False, (5, 8, 11)),
        pytest.param(2, False, (8,), marks=pytest.mark.slow),
        pytest.param(1, True, (8,), marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_goes_on_bit_for_bit(tmp_path, replicas, jit_compile, kills):
    arguments = dict(build=build, replicas=replicas, jit_compile=jit_compile)
    whole, model, callbacks = run(tmp_path / "whole", **arguments)
    losses = {}
    for kill_at in kills:
        losses.update(run(tmp_path / "killed", kill_at=kill_at, **arguments)[0])
    last, again, callbacks_again = run(tmp_path / "killed", **arguments)
    losses.update(last)
    assert set(last) == set(range((kills[-1] - 1) // 2 * 2 + 1, STEPS * EPOCHS + 1))
    assert losses == whole
    for left, right in zip(
        model.training_state.values(), again.training_state.values(), strict=True
    ):
        np.testing.assert_array_equal(left.numpy(), right.numpy())
    assert again.history.history == model.history.history
    assert again.history.epoch == model.history.epoch
    for left, right in zip(callbacks, callbacks_again, strict=True):
        assert left.best == right.best
    assert callbacks_again[0].wait == callbacks[0].wait
    for left, right in zip(callbacks[0].best_weights, callbacks_again[0].best_weights, strict=True):
        np.testing.assert_array_equal(left, right)


def test_two_files_are_kept_and_nothing_else(tmp_path):
    (tmp_path / ".unfinished-1-step-000000001.npz").write_bytes(b"PK")
    run(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir() if path.name != ".lock")
    assert names == ["best.keras", "step-000000014.npz", "step-000000015.npz"]


def test_without_a_checkpoint_training_begins_anew(tmp_path):
    assert Checkpoints(tmp_path / "none", steps_per_epoch=5).restore(build_again()) == 0


@pytest.mark.parametrize("damage", thinned(["flipped", "empty", "truncated", "missing"], fast=1))
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


def test_a_checkpoint_can_be_restored_again_and_after_an_evaluation(tmp_path, expected):
    run(tmp_path, kill_at=9)
    model, losses = build_again(), Losses()
    checkpoints = Checkpoints(tmp_path, steps_per_epoch=STEPS)
    assert checkpoints.find(model.distribute_strategy)["step"] == 8
    stopping = keras.callbacks.EarlyStopping("loss", patience=1, restore_best_weights=True)
    best = keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", "loss", save_best_only=True)
    checkpoints = Checkpoints(tmp_path, steps_per_epoch=STEPS, callbacks=[stopping, best])
    assert checkpoints.restore(model) == 8
    model.evaluate(*examples(8, "float32"), verbose=0)
    fit(model, checkpoints, stopping, best, losses)
    assert losses.losses == {step: loss for step, loss in expected.items() if step > 8}


def test_a_finished_run_can_be_extended_with_the_weights_and_not_their_average(tmp_path):
    def trained(*ends):
        for epochs in ends:
            model = build_again()
            folder = tmp_path / str(len(ends))
            fit(model, Checkpoints(folder, steps_per_epoch=STEPS), epochs=epochs)
        return weights_of(model)

    whole, extended = trained(3), trained(2, 3)
    np.testing.assert_array_equal(extended, whole)
    assert (
        whole
        != np.concatenate(  # the average has taken their place at the end
            [v.ravel() for v in read_checkpoint(tmp_path / "1" / "step-000000015.npz")[0].values()]
        )[: whole.size]
    ).any()


def test_other_callbacks_and_metrics_than_before_are_sentences(tmp_path):
    run(tmp_path, kill_at=9)
    with pytest.raises(ValueError, match=r"knows the callbacks \['EarlyStopping', 'ModelCheckp"):
        Checkpoints(tmp_path, steps_per_epoch=STEPS).restore(build_again())
    with pytest.raises(Killed):
        fit(
            build_again(),
            Checkpoints(tmp_path / "other", steps_per_epoch=STEPS, every=3),
            KillAt(4),
        )
    model = build_again(metrics=None)
    with pytest.raises(ValueError, match="of other metrics: it holds 4 sums, and the model 2"):
        fit(model, Checkpoints(tmp_path / "other", steps_per_epoch=STEPS))


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    run(tmp_path, kill_at=5)
    with pytest.raises(ValueError, match=r"another model or optimizer: .* has the shape \(4, 4\)"):
        Checkpoints(tmp_path, steps_per_epoch=STEPS).restore(build_again(units=6))


@pytest.mark.slow
def test_another_number_of_replicas_goes_on_with_a_notice(tmp_path, capsys):
    run(tmp_path / "run", kill_at=9)
    losses, model, _ = run(tmp_path / "run", replicas=2)
    assert "is of 1 replicas and goes on with 2" in capsys.readouterr().out
    assert min(losses) == 9 and max(losses) == STEPS * EPOCHS
    assert np.isfinite(weights_of(model)).all()


def test_a_full_disk_stops_the_run_with_the_last_checkpoint_whole(tmp_path, monkeypatch):
    whole = files.save_arrays

    def save(file, arrays, notes):
        if notes["step"] == 6:
            file.write(b"PK")
            raise OSError(28, "No space left on device")
        whole(file, arrays, notes)

    monkeypatch.setattr("keras_vit.training.resume.files.save_arrays", save)
    with pytest.raises(OSError, match="of step 6 could not be written .*No space left"):
        run(tmp_path)
    names = sorted(path.name for path in tmp_path.glob("*step*"))
    assert names == ["step-000000004.npz", "step-000000005.npz"]
    monkeypatch.undo()
    losses, _, _ = run(tmp_path)
    assert min(losses) == 6


@pytest.mark.parametrize(
    "wrong, message", [(dict(keep=1), "at least 2: received keep=1"), (dict(every=0), "every=0")]
)
def test_a_number_out_of_its_range_is_refused(tmp_path, wrong, message):
    with pytest.raises(ValueError, match=message):
        Checkpoints(tmp_path, steps_per_epoch=5, **wrong)


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    class Spoil(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 3:
                self.model.trainable_variables[0].assign(self.model.trainable_variables[0] * np.inf)

    with pytest.raises(FloatingPointError, match="not finite after step 4 .* is of step 2"):
        fit(build_again(), Checkpoints(tmp_path, steps_per_epoch=STEPS, every=2), Spoil())
    assert [path.name for path in tmp_path.glob("[!.]*")] == ["step-000000002.npz"]


def test_another_length_of_the_epoch_is_a_sentence(tmp_path):
    fit(build_again(), Checkpoints(tmp_path, steps_per_epoch=STEPS), epochs=1)
    with pytest.raises(ValueError, match="has epochs of 5 steps: received steps_per_epoch=4"):
        Checkpoints(tmp_path, steps_per_epoch=4).restore(build_again())
