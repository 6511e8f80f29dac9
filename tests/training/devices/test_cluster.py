"""Who the workers are, and how they wait for each other."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from ports import free_ports

from keras_vit.training.devices import cluster
from keras_vit.training.devices.cluster import read_cluster, wait_for_workers

WORKERS = ["10.0.0.1:2222", "10.0.0.2:2222"]
ROOT = Path(__file__).parents[3]
# Without the package around the file, which imports TensorFlow.
PROGRAM = f"""
import runpy, sys
wait_for_workers = runpy.run_path({cluster.__file__!r})["wait_for_workers"]
wait_for_workers.__globals__["PATIENCE"] = 1
wait_for_workers(int(sys.argv[1]), sys.argv[2:])
"""


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
        # A shell that starts the tests in the background lets them ignore Ctrl-C, and these too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def wait_for_line(process, beginning):
    """Reads what a process prints until a line begins so; fails where it ends before."""
    for line in process.stdout:
        if line.startswith(beginning):
            return
    raise AssertionError(f"It never said {beginning!r}.")


def test_spaces_between_addresses_are_no_part_of_them():
    assert read_cluster(0, ["a:1", " b:1"]) == {"worker": 0, "workers": ["a:1", "b:1"]}


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
        (dict(worker=0, workers=["a:99999", "b:1"]), "host:2222: received 'a:99999'"),
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


def test_three_workers_meet_in_any_order_and_say_for_whom_they_wait():
    workers = [f"localhost:{port}" for port in free_ports(3)]
    zero, one, two = (f"worker {index} at {address}" for index, address in enumerate(workers))
    with start(0, workers) as first, start(1, workers) as second:
        try:
            assert f"Worker 0 of 3, waiting for {one}, {two} ..." in first.stdout.readline()
            wait_for_line(first, f"Still waiting for {two}: start the same command there")
            wait_for_line(second, f"Still waiting for {zero}")
            with start(2, workers) as third:
                assert [each.wait(timeout=60) for each in (first, second, third)] == [0, 0, 0]
        finally:
            first.kill()
            second.kill()


@pytest.mark.parametrize("other", [["localhost:1", "localhost:2"], None])
def test_who_answers_must_be_the_worker_it_is_taken_for(other):
    """Another number, other workers, or a program that is no worker at all."""
    first, port = free_ports(2)
    workers = [f"localhost:{first}", f"localhost:{port}"]
    with socket.create_server(("", port)) as server:

        def answer():
            with server.accept()[0] as client:
                client.recv(64)
                text = json.dumps({"worker": 1, "workers": other}) if other else "HTTP/1.1 400"
                client.sendall(text.encode())

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ValueError, match="must be worker 1 of .* it answers"):
            wait_for_workers(0, workers)
        thread.join()


def test_a_worker_answers_anyone_and_goes_when_it_is_told_to():
    workers = [f"localhost:{port}" for port in free_ports(2)]
    thread = threading.Thread(target=wait_for_workers, args=(1, workers))
    thread.start()
    _, port = workers[1].split(":")
    for words in (b"", b"GET / HTTP/1.1", b"\xff\xfe"):
        while True:  # until the thread has opened the port
            with contextlib.suppress(ConnectionRefusedError):
                with socket.create_connection(("localhost", int(port))) as client:
                    client.sendall(words)
                break
    assert thread.is_alive()
    wait_for_workers(0, workers)
    thread.join()


def test_a_waiting_worker_can_be_interrupted():
    workers = [f"localhost:{port}" for port in free_ports(2)]
    lone = start(0, workers)
    assert "waiting for" in lone.stdout.readline()
    lone.send_signal(signal.SIGINT)
    try:
        lone.communicate(timeout=60)
    finally:
        lone.kill()
        lone.communicate()
    assert lone.returncode in (130, -signal.SIGINT, 1)
