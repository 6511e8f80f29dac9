"""Who the workers are, and how they wait for each other."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ports import free_ports

from keras_vit.training.cluster import read_cluster, wait_for_workers

WORKERS = ["10.0.0.1:2222", "10.0.0.2:2222"]
ROOT = Path(__file__).parents[2]
PROGRAM = "import sys; from keras_vit.training import cluster; cluster.PATIENCE = 1; "
PROGRAM += "cluster.wait_for_workers(int(sys.argv[1]), sys.argv[2:])"


def configure(monkeypatch, cluster, task):
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))


def start(worker, workers):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(worker), *workers],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


@pytest.mark.parametrize("text", ["", "{}"])
def test_without_workers_there_is_one_process(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    assert read_cluster() == {"worker": 0, "workers": []}


@pytest.mark.parametrize(
    "task, worker", [({"type": "chief", "index": 0}, 0), ({"type": "worker", "index": 1}, 2)]
)
def test_the_chief_of_tf_config_is_the_first_worker(monkeypatch, task, worker):
    configure(monkeypatch, {"chief": ["a:1"], "worker": ["b:1", "c:1"]}, task)
    assert read_cluster() == {"worker": worker, "workers": ["a:1", "b:1", "c:1"]}


@pytest.mark.parametrize(
    "task, message",
    [
        ({"type": "evaluator", "index": 0}, "a chief or a worker: received type 'evaluator'"),
        ({"type": "worker", "index": 2}, "which of the 2 workers .* received worker=2"),
    ],
)
def test_a_task_that_does_not_train_is_a_sentence(monkeypatch, task, message):
    configure(monkeypatch, {"worker": WORKERS}, task)
    with pytest.raises(ValueError, match=message):
        read_cluster()


@pytest.mark.parametrize("text", ["{", "[]", '{"task": {"index": "chief"}}'])
def test_an_unreadable_tf_config_is_a_sentence(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match="TF_CONFIG must be JSON"):
        read_cluster()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(worker=2, workers=WORKERS), "which of the 2 workers this is, from 0: .*worker=2"),
        (dict(workers=WORKERS), "received worker=None"),
        (dict(worker=0), "`worker` needs `workers`"),
        (dict(worker=0, workers=["10.0.0.1", "b:1"]), "host:2222: received '10.0.0.1'"),
        (dict(worker=0, workers=["b:1", "b:1"]), "different addresses: received b:1, b:1"),
    ],
)
def test_workers_that_are_not_described_are_sentences(arguments, message):
    with pytest.raises(ValueError, match=message):
        read_cluster(**arguments)


def test_a_port_that_is_taken_is_a_sentence():
    with socket.create_server(("", 0)) as server:
        address = f"localhost:{server.getsockname()[1]}"
        with pytest.raises(ValueError, match=f"The port of {address}, this worker, is taken"):
            wait_for_workers(0, [address, "localhost:1"])


@pytest.mark.slow
def test_three_workers_meet_in_any_order_and_say_for_whom_they_wait():
    workers = [f"localhost:{port}" for port in free_ports(3)]
    first, second = start(0, workers), start(1, workers)
    time.sleep(8)  # longer than both take to load and to lose their patience
    assert first.poll() is None and second.poll() is None
    third = start(2, workers)
    told = first.communicate(timeout=60)[0]
    assert first.returncode == 0
    assert f"Worker 0 of 3, waiting for {workers[1]}, {workers[2]}" in told
    assert f"Still waiting for {workers[2]}: start the same command there" in told
    with socket.create_server(("", int(workers[0].rpartition(":")[2]))):  # as TensorFlow does now
        told = second.communicate(timeout=60)[0]
        assert f"Still waiting for {workers[0]}" in told
        third.communicate(timeout=60)
    assert (second.returncode, third.returncode) == (0, 0)


@pytest.mark.slow
def test_a_waiting_worker_can_be_interrupted():
    workers = [f"localhost:{port}" for port in free_ports(2)]
    lone = start(0, workers)
    assert "waiting for" in lone.stdout.readline()
    lone.send_signal(signal.SIGINT)
    lone.communicate(timeout=30)
    assert lone.returncode in (130, -signal.SIGINT, 1)
