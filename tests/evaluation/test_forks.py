"""Forks of a process that has imported TensorFlow, which stand in for processes of their own."""

import errno
import os
import select
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest

from keras_vit.evaluation import NoAnswer, forks
from keras_vit.evaluation.process import Worker

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not forks.can_fork(), reason="only Linux has forks that can be followed"),
]


@pytest.fixture
def fork(tmp_path):
    with open(tmp_path / "errors", "w+") as errors:

        def fork(module, *arguments, **environment):
            all_variables = {**os.environ, **environment}
            return forks.Fork(module, arguments, stderr=errors, environment=all_variables)

        yield fork


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module `told` that prints its arguments, a variable, and whether Keras can be imported."""
    (tmp_path / "told.py").write_text(
        "import os, sys\n"
        "print(sys.argv[1:], os.environ.get('MINE'), os.getcwd(), 'tensorflow' in sys.modules)\n"
        "print(sys.stdin.readline(), end='')\n"
        "import keras\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_runs_a_module_as_a_process_of_its_own_does(fork, module, monkeypatch):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    forks._server.cache_clear()  # Python reads that variable when it starts
    process = fork("told", "a", "ü b", MINE="é")
    process.stdin.write("asked\n")
    process.stdin.close()
    lines = process.stdout.read().splitlines()
    process.stdout.close()
    process.wait()
    assert lines == [f"{['a', 'ü b']} é {module} True", "asked"]
    assert "ModuleNotFoundError: import of keras halted" in (module / "errors").read_text()


@pytest.fixture
def large_descriptor():
    """A descriptor that `select` does not take."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft <= 1024:  # as many systems set it
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(2048, hard), hard))
    yield 1024
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_it_is_followed_by_a_descriptor_of_any_number(fork, module, large_descriptor):
    process = fork("told")
    os.dup2(process._process, large_descriptor)
    os.close(process._process)
    process._process = large_descriptor
    process.stdin.close()
    process.stdout.close()
    process.wait()
    assert process._process is None


def test_after_an_interrupt_each_is_followed_by_its_own(fork, module, monkeypatch):
    (module / "waiting.py").write_text("import sys\nsys.stdin.read()\n")

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(socket, "recv_fds", interrupted)
        fork("told")
    process = fork("waiting")
    poll = select.poll()
    poll.register(process._process, select.POLLIN)
    assert poll.poll(500) == []
    process.kill()
    process.wait()
    assert process.stdout.read() == ""
    process.stdin.close()
    process.stdout.close()


@pytest.mark.parametrize("error", [errno.ENOSYS, errno.EPERM, None])
def test_not_every_system_has_forks_that_can_be_followed(monkeypatch, error):
    def refused(*_):
        raise OSError(error, "refused")

    if error is None:
        monkeypatch.delattr(os, "pidfd_open")
    else:
        monkeypatch.setattr(os, "pidfd_open", refused)
    assert not forks.can_fork()


def test_one_that_is_killed_gives_no_answer(tiny, tmp_path):
    np.save(tmp_path / "images.npy", np.zeros((1, 8, 8, 1), "uint8"))
    with Worker(tiny.saved_model) as worker:
        assert isinstance(worker._process, forks.Fork) and worker.runtime
        worker._process.kill()
        with pytest.raises(NoAnswer, match="cannot be replayed"):
            worker.answer(tmp_path / "images.npy", tmp_path / "answers.npz")
        worker._process.kill()


def test_where_no_fork_is_to_be_had_a_process_is_started(tiny, monkeypatch):
    def none(parent):
        raise OSError

    monkeypatch.setattr(forks, "_server", none)
    with Worker(tiny.saved_model) as worker:
        assert isinstance(worker._process, subprocess.Popen)
        assert worker.runtime.startswith("tensorflow ")


def test_it_ends_with_its_parent():
    code = (
        "import os\n"
        "from keras_vit.evaluation import forks\n"
        "ours = forks._server(os.getpid())\n"
        "with open(f'/proc/self/task/{os.getpid()}/children') as children:\n"
        "    print(children.read(), flush=True)\n"
        "os.set_inheritable(ours.fileno(), True)\n"  # as a fork of multiprocessing holds it
        "quiet = [(os.POSIX_SPAWN_OPEN, n, os.devnull, os.O_WRONLY, 0) for n in (1, 2)]\n"
        "os.posix_spawnp('cat', ['cat'], os.environ, file_actions=quiet)\n"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as parent:
        server = int(parent.stdout.readline())
        assert parent.wait(60) == 0
        with pytest.raises(ProcessLookupError):
            os.kill(server, signal.SIGINT)
        assert parent.stderr.read() == ""
