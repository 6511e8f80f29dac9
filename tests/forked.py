"""Programs in forks of a process that has imported Keras, which takes five seconds of computing.

That process has computed nothing, and knows nothing of this package: a fork is like a new process,
except that it finds modules where the tests do.
"""

import multiprocessing
import os
import runpy
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["keras"])


class Ended(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


class Program:
    """Runs a file of Python as a program, from when it is made.

    Args:
        path: The file.
        arguments: Its words.
        environment: All its environment variables; by default those of this process.
        cwd: The folder that it runs in; by default that of this process.
    """

    def __init__(self, path, *arguments, environment=None, cwd=None):
        self._printed = tempfile.TemporaryDirectory()
        files = [Path(self._printed.name, name) for name in ("stdout", "stderr")]
        how = dict(os.environ if environment is None else environment), cwd or os.getcwd()
        words = [os.fspath(path), *map(str, arguments)]
        self._process = PROCESSES.Process(target=_become, args=(words, *how, *files))
        self._process.start()
        self._files = files

    def wait(self, timeout=200):
        """Waits until it has ended; one that takes longer is killed."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()
        code = self._process.exitcode
        with self._printed:
            texts = [file.read_text() if file.exists() else "" for file in self._files]
        return Ended(code, *texts)


def _become(words, environment, folder, *files):
    for number, file in enumerate(files, start=1):
        opened = os.open(file, os.O_WRONLY | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv[:] = words
    runpy.run_path(words[0], run_name="__main__")
