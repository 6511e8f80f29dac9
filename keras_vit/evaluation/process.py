"""Runs a model in a process of its own."""

import contextlib
import functools
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

from keras_vit.evaluation.forks import Fork, can_fork
from keras_vit.inference.versions import needs_tensorflow

SECONDS = 0.2  # approximate length of a turn
MOST_CALLS = 50  # in a turn
ON_CPU = {"CUDA_VISIBLE_DEVICES": "-1"}  # for a process beside one that holds a GPU's memory


class NoAnswer(RuntimeError):
    """A model on disk cannot be loaded or run.

    Args:
        place: Path of the model; also an attribute.
        reason: Why, a text.
    """

    def __init__(self, place, reason):
        super().__init__(f"{place} cannot be replayed: {reason}")
        self.place = place


class Worker:
    """A context manager that runs one model from disk in a process of its own.

    Args:
        place: Path of the model.
        threads: How many threads compute; all if `None`.
        module: The program, `keras_vit.evaluation.worker` or one with the same protocol.
        environment: Environment variables to set for the process, a dictionary.
    """

    def __init__(
        self, place, threads=None, *, module="keras_vit.evaluation.worker", environment=None
    ):
        self._environment = environment or {}
        self.place, self._calls, self._per_image = place, {}, 0.0
        self._module, self._threads = module, threads

    def __enter__(self):
        self._errors = tempfile.TemporaryFile("w+")
        threads = [] if self._threads is None else [str(self._threads)]
        self._arguments = [str(self.place), *threads]
        environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, **self._environment}
        self._process = self._forked(environment) or subprocess.Popen(
            [sys.executable, "-m", self._module, *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=environment,
        )
        return self

    def __exit__(self, *error):
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        if error[0] is not None:
            self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def _forked(self, environment):
        """Starts it as a fork, where that saves an import of TensorFlow and can be done."""
        if can_fork() and needs_tensorflow(self.place):
            with contextlib.suppress(OSError):
                return Fork(
                    self._module, self._arguments, stderr=self._errors, environment=environment
                )
        return None

    @functools.cached_property
    def runtime(self):
        """Name and version of the runtime; reading it waits until the model is loaded."""
        return self._read()["runtime"]

    def use_threads(self, threads):
        """Sets how many threads compute from now on.

        TensorFlow cannot change that, so its process is started again. (Its threads on one core are
        no answer: they take a fifth to a half longer than one thread.)

        Args:
            threads: Their number; all if `None`.

        Raises:
            NoAnswer: If the model cannot be loaded or run.
        """
        if threads == self._threads:
            return
        self._threads, self._per_image = threads, 0.0
        if not needs_tensorflow(self.place):
            self._ask({"threads": threads})
            return
        self.__exit__(None)
        self.__dict__.pop("runtime", None)  # the new process says it again
        self.__enter__()

    def answer(self, images, out):
        """Returns the named answers to the images in a `.npy` file.

        Args:
            images: Path of the images `(N, H, W, C)`.
            out: Path of a `.npz` file to which the process writes the answers.

        Returns:
            A dictionary of arrays `(N, ...)` by name.

        Raises:
            NoAnswer: If the model cannot be loaded or run.
        """
        self.begin_answer(images, out)
        return self.end_answer()

    def begin_answer(self, images, out):
        """Asks for what `answer` returns, and does not wait: `end_answer` must follow.

        Args:
            images: Path of the images `(N, H, W, C)`.
            out: Path of a `.npz` file to which the process writes the answers.
        """
        self._out = out
        self._send({"answer": str(images), "out": str(out)})

    def end_answer(self):
        """Waits for what `begin_answer` asked for, and returns it as `answer` does.

        Returns:
            A dictionary of arrays `(N, ...)` by name.

        Raises:
            NoAnswer: If the model cannot be loaded or run.
        """
        _ = self.runtime  # read the first line, which answers no request
        self._read()
        with np.load(self._out, allow_pickle=False) as answers:
            return dict(answers)

    def warm_up(self, batch):
        """Makes calls that are not counted, and estimates how many calls fit into a turn.

        Args:
            batch: Images per call.

        Raises:
            NoAnswer: If the model cannot be loaded or run.
        """
        calls = 2 if self._per_image * batch < 1000 * SECONDS else 1  # one may compile
        *_, milliseconds = self._ask({"time": batch, "calls": calls})["milliseconds"]
        self._per_image = milliseconds / batch
        self._calls[batch] = int(np.clip(1000 * SECONDS / milliseconds, 1, MOST_CALLS))

    def time(self, batch):
        """Times the calls of one turn; `warm_up` must come first.

        Args:
            batch: Images per call.

        Returns:
            A list of milliseconds, one for each call.

        Raises:
            NoAnswer: If the model cannot be run.
        """
        return self._ask({"time": batch, "calls": self._calls[batch]})["milliseconds"]

    def _ask(self, request):
        _ = self.runtime  # read the first line, which answers no request
        self._send(request)
        return self._read()

    def _send(self, request):
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()

    def _read(self):
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            last_line = self._errors.read().strip().splitlines()[-1:]
            raise NoAnswer(self.place, " ".join(last_line))
        return json.loads(line)
