"""Starts processes as forks of one that has imported TensorFlow, which takes four seconds.

That process is started once, computes nothing, and imports TensorFlow without Keras. With each
request it reads, from a socket, the descriptors of the standard streams of a fork, and of a socket
at which the fork answers with a descriptor of itself. Environment variables that Python or
TensorFlow reads while it starts keep the values that they had when that process was started.
"""

import atexit
import contextlib
import functools
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback

PRELOADED = "tensorflow"
MOST = 1 << 20  # bytes of a request, which holds all environment variables
_asking = threading.Lock()


def can_fork():
    """Returns whether forks can be had: on Linux since 5.3, unless a sandbox forbids it."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


def prepare():
    """Starts the process that forks, where there can be one, and does not wait until it is ready.

    The first `Fork` waits for its import of TensorFlow. Where it is known early that there will be
    one, that import runs beside other work.
    """
    if can_fork():
        with contextlib.suppress(OSError), _asking:
            _server(os.getpid())


class Fork:
    """A fork that runs a module as a program; it has what is used here of `subprocess.Popen`.

    Args:
        module: Name of the module.
        arguments: Texts for its `sys.argv`.
        stderr: An open file.
        environment: All its environment variables, a dictionary.

    Attributes:
        stdin: Text file that it reads.
        stdout: Text file that it writes.

    Raises:
        OSError: If there is no fork to be had.
    """

    def __init__(self, module, arguments, *, stderr, environment):
        request = json.dumps([module, arguments, os.getcwd(), environment]).encode()
        streams = [*os.pipe(), *os.pipe()]
        given, self.stdin = streams[0], os.fdopen(streams[1], "w")
        self.stdout, written = os.fdopen(streams[2]), streams[3]
        try:
            with _asking:
                server = _server(os.getpid())
            ours, theirs = socket.socketpair()  # a socket of its own: no answer to another request
            with ours:
                with theirs:
                    files = [given, written, stderr.fileno(), theirs.fileno()]
                    socket.send_fds(server, [request], files)
                _, (self._process,), _, _ = socket.recv_fds(ours, 1, 1)
        except BaseException as error:
            self.stdin.close()
            self.stdout.close()
            if isinstance(error, (OSError, ValueError)):  # ValueError if no descriptor came
                raise OSError("There is no fork to be had.") from error
            raise
        finally:
            os.close(given)
            os.close(written)

    def kill(self):
        """Ends it, if it has not ended."""
        with contextlib.suppress(ProcessLookupError):
            if self._process is not None:
                signal.pidfd_send_signal(self._process, signal.SIGKILL)

    def wait(self):
        """Waits for its end; then nothing more can be asked of it."""
        if self._process is not None:
            poll = select.poll()
            poll.register(self._process, select.POLLIN)
            poll.poll()
            os.close(self._process)
            self._process = None


@functools.cache
def _server(parent):
    """Starts the process, and returns the socket at which it answers the process `parent`."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST)
    command = [sys.executable, "-c", f"from {__name__} import serve; serve({theirs.fileno()})"]
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
    with theirs:
        process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )

    def end():
        if os.getpid() == parent:
            process.kill()  # it would not notice that a fork of ours still holds the socket
            ours.close()
            process.wait()

    atexit.register(end)
    return ours


def serve(descriptor):
    """Forks whenever it is asked to, until the other end is closed.

    Args:
        descriptor: That of the socket.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # forks that end leave nothing behind
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal; it ends when its parent does
    sys.modules["keras"] = None  # any import of it now raises ImportError
    importlib.import_module(PRELOADED)

    with socket.socket(fileno=descriptor) as requests:
        while True:
            request, files, _, _ = socket.recv_fds(requests, MOST, 4)
            if not request:
                return
            if os.fork() == 0:
                requests.close()
                _run(request, files)
            for each in files:
                os.close(each)


def _run(request, files):
    """Becomes what was asked for; never returns."""
    status = 1
    try:
        module, arguments, folder, environment = json.loads(request)
        *streams, answers = files
        process = os.pidfd_open(os.getpid())
        with socket.socket(fileno=answers) as answers:
            socket.send_fds(answers, [b"."], [process])
        os.close(process)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        sys.stdin = open(0, encoding="utf-8")
        for each in (signal.SIGCHLD, signal.SIGINT):
            signal.signal(each, signal.SIG_DFL)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = [module, *arguments]
        runpy.run_module(module, run_name="__main__")
        status = 0
    except BaseException:  # a fork may not return to what its parent was doing
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)
