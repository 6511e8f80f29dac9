"""Two real processes on the loopback, and what happens when one of them dies."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from forked import Program
from ports import free_ports

from keras_vit.training import Workers, strategy

PROGRAM = Path(__file__).parents[1] / "worker_program.py"


def run(folder, workers, *arguments):
    """Runs as many processes; returns their statuses, last words, and what they wrote."""
    folder.mkdir(exist_ok=True)
    addresses = [f"127.0.0.1:{port}" for port in free_ports(workers)]
    processes = []
    for index in range(workers):
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        environment = {**os.environ, "TF_CONFIG": json.dumps(task if workers > 1 else {})}
        processes.append(Program(PROGRAM, folder, *arguments, environment=environment))
    ended = [process.wait() for process in processes]
    files = [folder / f"{index} of {workers}.json" for index in range(workers)]
    results = [json.loads(path.read_text()) if path.exists() else None for path in files]
    return [each.returncode for each in ended], [each.stderr for each in ended], results


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What each of two workers wrote when nothing stopped them."""
    statuses, words, results = run(tmp_path_factory.mktemp("whole"), 2, 3)
    assert statuses == [0, 0], words
    return results


@pytest.mark.slow
def test_two_workers_are_one(tmp_path, whole):
    first, second = whole
    assert first == second
    _, _, (one,) = run(tmp_path, 1, 3)
    for left, right in zip(one["weights"], first["weights"], strict=True):
        np.testing.assert_allclose(left, right, atol=1e-7)
    for name, values in one["history"].items():
        np.testing.assert_allclose(values, first["history"][name], atol=1e-7, err_msg=name)


@pytest.mark.slow
def test_a_dead_worker_ends_the_others_and_all_go_on_bit_for_bit(tmp_path, whole):
    statuses, words, results = run(tmp_path / "killed", 2, 3, signal.SIGKILL.value, 8)
    assert statuses[1] == -9 and statuses[0] not in (0, -9) and results == [None, None]
    assert "Another worker is gone" in words[0]
    assert "start the same commands again" in words[0]
    statuses, words, (first, second) = run(tmp_path / "killed", 2, 3)
    assert statuses == [0, 0], words
    assert first["start"] == second["start"] == 6
    assert first["weights"] == second["weights"] == whole[0]["weights"]
    assert first["history"] == whole[0]["history"]
    assert first["losses"] == {k: v for k, v in whole[0]["losses"].items() if int(k) > 6}


@pytest.mark.slow
def test_all_stop_where_one_was_told_to(tmp_path):
    statuses, words, results = run(tmp_path, 2, 3, signal.SIGTERM.value, 8)
    assert statuses == [128 + signal.SIGTERM] * 2, words
    assert results == [None, None]
    statuses, _, (first, second) = run(tmp_path, 2, 3)
    assert statuses == [0, 0] and first["start"] == second["start"] == 8


def test_alone_a_worker_agrees_with_itself():
    workers = Workers(strategy("cpu"))
    assert (workers.count, workers.index, workers.is_chief) == (1, 0, True)
    assert workers.largest(7) == 7
    assert workers.broadcast(b"words") == b"words"
    assert workers.gather(np.arange(3)).tolist() == [[0, 1, 2]]
