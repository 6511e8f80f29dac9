"""Times models that run in processes of their own, which take turns."""

from collections.abc import Callable

import numpy as np

from keras_vit.evaluation.process import NoAnswer, Worker

BATCHES = (1, 16)  # images per call
ROUNDS = 2  # turns of each worker, so that a noisy moment slows down all
LONGEST = 3.0  # seconds of a call; batches that would take longer are not timed


def time_in_turns(workers, batches=BATCHES, *, rounds=ROUNDS, failures=None):
    """Times calls of several workers, which take turns.

    Args:
        workers: `Worker`s.
        batches: Numbers of images per call, each of which is timed.
        rounds: Turns of each worker.
        failures: Dictionary to which the `NoAnswer` of each worker that fails is added, by worker,
            while the others are timed; if `None`, the first one is raised.

    Returns:
        A list with a dictionary for each worker: the median milliseconds of a call, by the number
        of images per call. What would take one of them longer than `LONGEST` is left out for all.

    Raises:
        NoAnswer: If a worker fails and `failures` is `None`.
    """
    times, slowest = {worker: {} for worker in workers}, 0.0  # milliseconds an image
    for batch in batches:
        if slowest * batch > 1000 * LONGEST:
            continue
        for_each(workers, lambda worker, batch=batch: worker.warm_up(batch), failures)
        calls = {worker: [] for worker in workers}
        for _ in range(rounds):
            turns = for_each(workers, lambda worker, batch=batch: worker.time(batch), failures)
            for worker, milliseconds in turns.items():
                calls[worker] += milliseconds
        for worker in turns:
            times[worker][batch] = float(np.median(calls[worker]))
            slowest = max(slowest, times[worker][batch] / batch)
    return list(times.values())


def for_each(workers, ask: Callable[[Worker], object], failures=None):
    """Calls a function with each worker that has not failed.

    Args:
        workers: `Worker`s.
        ask: The function; it may raise `NoAnswer`.
        failures: Dictionary of the `NoAnswer` of each worker that failed, by worker, to which new
            ones are added; if `None`, the first one is raised.

    Returns:
        A dictionary of the results by worker, without those that failed.

    Raises:
        NoAnswer: If a worker fails and `failures` is `None`.
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
