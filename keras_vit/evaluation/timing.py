"""Models that answer and are timed in processes of their own, taking turns."""

import contextlib
import functools
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

BATCHES = (1, 16)  # images a call
ROUNDS = 3  # so that a noisy moment strikes all
SECONDS = 0.4  # of a turn, about
MOST_CALLS = 50


def time_in_turns(workers, batches=BATCHES, *, failures=None):
    """Times calls of several workers, which take turns.

    Args:
        workers: `Worker`s.
        batches: Images per call.
        failures: Dictionary that takes the `NoAnswer` of each worker that fails, by worker, while
            the others are timed; if `None`, the first one is raised.

    Returns:
        For each worker the median milliseconds of a call, by the size of the batch.

    Raises:
        NoAnswer: If a worker fails and there is no `failures`.
    """
    times = {worker: {} for worker in workers}
    for batch in batches:
        for_each(workers, lambda worker, batch=batch: worker.warm_up(batch), failures)
        calls = {worker: [] for worker in workers}
        for _ in range(ROUNDS):
            found = for_each(workers, lambda worker, batch=batch: worker.time(batch), failures)
            for worker, milliseconds in found.items():
                calls[worker] += milliseconds
        for worker in found:
            times[worker][batch] = float(np.median(calls[worker]))
    return list(times.values())


def for_each(workers, ask, failures=None):
    """Asks each worker that has not failed; returns the answers by worker.

    Args:
        workers: `Worker`s.
        ask: A function of a worker.
        failures: As `time_in_turns` takes it.
    """
    answers = {}
    for worker in workers:
        if failures and worker in failures:
            continue
        try:
            answers[worker] = ask(worker)
        except NoAnswer as error:
            if failures is None:
                raise
            failures[worker] = error
    return answers


class NoAnswer(RuntimeError):
    """A model on disk cannot be loaded or run; `place` is its path."""

    def __init__(self, place, reason):
        super().__init__(f"{place} cannot be replayed: {reason}")
        self.place = place


class Worker:
    """A process that holds one model from disk; a context manager.

    Args:
        place: The path of the model.
        threads: How many threads compute; all if `None`.
        module: The program, `keras_vit.evaluation.worker` or one that speaks as it does.
        environment: Environment variables to set for it.
    """

    def __init__(
        self, place, threads=None, *, module="keras_vit.evaluation.worker", environment=None
    ):
        self._environment = environment or {}
        self.place, self._calls = place, {}
        self._command = [sys.executable, "-m", module, str(place)]
        self._command += [] if threads is None else [str(threads)]

    def __enter__(self):
        self._errors = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, **self._environment},
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

    @functools.cached_property
    def runtime(self):
        """What it runs on, with its version: its first line, which comes when it is loaded."""
        return self._read()["runtime"]

    def answer(self, images, out):
        """Returns the probabilities `(N, K)` of the images in a `.npy` file.

        Args:
            images: Path of the images.
            out: Path to which the probabilities are written.
        """
        self._ask({"answer": str(images), "out": str(out)})
        return np.load(out, allow_pickle=False)

    def warm_up(self, batch):
        """Makes calls that do not count, and sees how many fit into a turn."""
        milliseconds = self._ask({"time": batch, "calls": 3})["milliseconds"]
        self._calls[batch] = int(np.clip(1000 * SECONDS / min(milliseconds), 1, MOST_CALLS))

    def time(self, batch):
        """Returns the milliseconds of a turn's calls."""
        return self._ask({"time": batch, "calls": self._calls[batch]})["milliseconds"]

    def _ask(self, order):
        _ = self.runtime  # the first line, which answers no order, is read
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
        return self._read()

    def _read(self):
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            last_line = self._errors.read().strip().splitlines()[-1:]
            raise NoAnswer(self.place, " ".join(last_line))
        return json.loads(line)
