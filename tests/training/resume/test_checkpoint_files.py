"""Files that are whole or not there, and the folder that holds them."""

import numpy as np
import pytest
from resuming import STEPS, another_process_holds, build_again, fit, run

from keras_vit.training import Checkpoints
from keras_vit.training.resume.files import read_checkpoint, write_checkpoint


def test_a_file_that_may_not_be_read_is_not_damaged(tmp_path):
    (tmp_path / "step-000000002.npz").mkdir()  # which cannot be opened either
    with pytest.raises(OSError):
        Checkpoints(tmp_path, steps_per_epoch=STEPS).restore(build_again())
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


def test_a_write_is_whole_or_not_at_all(tmp_path):
    path = tmp_path / "step-1.npz"
    write_checkpoint(path, {"a": np.arange(3)}, {"step": 1})
    arrays, notes = read_checkpoint(path)
    assert arrays["a"].tolist() == [0, 1, 2] and notes == {"step": 1}
    with pytest.raises(OSError):
        write_checkpoint(path / "no folder.npz", {}, {})
    assert [each.name for each in tmp_path.iterdir()] == ["step-1.npz"]


def test_objects_are_never_unpickled(tmp_path):
    np.savez(tmp_path / "step-1.npz", notes=np.array([{"step": 1}], dtype=object))
    with pytest.raises(ValueError, match="damaged"):
        read_checkpoint(tmp_path / "step-1.npz")


def test_two_processes_do_not_write_to_one_folder(tmp_path):
    with another_process_holds(tmp_path):
        with pytest.raises(ValueError, match="Another run writes its checkpoints to"):
            fit(build_again(), Checkpoints(tmp_path, steps_per_epoch=STEPS))
    fit(build_again(), Checkpoints(tmp_path, steps_per_epoch=STEPS), epochs=1)


def test_another_run_in_the_folder_is_not_lost(tmp_path):
    run(tmp_path, kill_at=9)
    files = {path: path.read_bytes() for path in tmp_path.glob("step-*")}
    checkpoints = Checkpoints(tmp_path, steps_per_epoch=STEPS)
    checkpoints.restore = lambda model: 0  # forgotten
    with pytest.raises(ValueError, match="holds another run, at step 8: call `restore`"):
        fit(build_again(), checkpoints)
    assert {path: path.read_bytes() for path in tmp_path.glob("step-*")} == files
    checkpoints.clear()
    fit(build_again(), checkpoints, epochs=1)
    assert [path.name for path in tmp_path.glob("step-*")] == ["step-000000005.npz"]


def test_clearing_asks_who_holds_the_folder(tmp_path):
    fit(build_again(), Checkpoints(tmp_path, steps_per_epoch=STEPS), epochs=1)
    with another_process_holds(tmp_path):
        with pytest.raises(ValueError, match="Another run writes its checkpoints to"):
            Checkpoints(tmp_path, steps_per_epoch=STEPS).clear()
    assert [path.name for path in tmp_path.glob("step-*")] == ["step-000000005.npz"]
