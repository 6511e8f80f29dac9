"""Exact resume: a run that was killed goes on bit for bit."""

import io
import math
import re
import signal
import threading
from pathlib import Path

import keras
import numpy as np

from keras_vit.training.atomic import (
    read_checkpoint,
    remove_unfinished,
    save_arrays,
    write_checkpoint,
)
from keras_vit.training.callback_state import callback_state, set_callback_state
from keras_vit.training.workers import Workers

NAME = re.compile(r"step-(\d+)\.npz")


class Checkpoints(keras.callbacks.Callback):
    """Saves everything a `TrainingModel` needs to go on, so that later steps are the same bits.

    Weights, optimizer, averages, loss scale, seeds, metrics of the running epoch, the states of
    other callbacks and the history of `fit` are saved together, the data's place by its step. Use
    it as the last callback:

        checkpoints = Checkpoints("runs/mine/checkpoints", steps_per_epoch=390, every=100)
        step = checkpoints.restore(model)  # 0 where there is nothing to go on with
        batches = train_batches(..., start_step=step)
        model.fit(batches, steps_per_epoch=390, initial_epoch=step // 390, epochs=25,
                  callbacks=[..., checkpoints])

    It saves after every epoch, every `every` steps, and on SIGTERM and Ctrl-C, after which the
    program ends with status 143 or 130. With several workers, all agree on the step, the first
    writes, and all go on from what the first one reads: only its folder counts.

    The same bits need the same numbers of devices, XLA or no XLA, and versions. With other numbers
    of replicas a run goes on too, with a notice.

    Args:
        folder: Where the files `step-<number>.npz` stand; made if missing.
        steps_per_epoch: As `fit` is given it.
        every: Steps between two files, or `None`, once an epoch.
        callbacks: Callbacks whose states belong to the run: early stopping, the best so far.
        keep: How many files are kept, at least two.
        notes: What JSON can hold; saved too, and returned by `find`.

    Raises:
        ValueError: If a number is out of its range.
    """

    def __init__(self, folder, *, steps_per_epoch, every=None, callbacks=(), keep=2, notes=None):
        super().__init__()
        if keep < 2:
            raise ValueError(f"`keep` must be at least 2: received keep={keep}.")
        if every is not None and every < 1:
            raise ValueError(f"`every` must be at least 1: received every={every}.")
        self.folder = Path(folder)
        self.steps_per_epoch = steps_per_epoch
        self.every = every
        self.keep = keep
        self.notes = notes or {}
        self._kept_callbacks = list(callbacks)
        self._found = self._resumed = None
        self._looked = False
        self._signal = 0
        self._handlers = {}

    def find(self, strategy):
        """Reads the newest checkpoint that is whole, for all workers the first one's.

        Returns:
            Its notes, or `None` where there is no checkpoint.
        """
        if not self._looked:
            workers = Workers(strategy)
            found = latest(self.folder) if workers.is_chief else None
            self._found, self._looked = _of_the_chief(workers, found), True
        return None if self._found is None else self._found[1]

    def restore(self, model):
        """Sets a compiled model to the newest checkpoint that is whole.

        Args:
            model: A `TrainingModel`, compiled as it was.

        Returns:
            The number of steps done, 0 where there is no checkpoint.

        Raises:
            ValueError: If the checkpoint is of another model or optimizer.
        """
        if self.find(model.distribute_strategy) is None:
            return 0
        (arrays, notes), self._found = self._found, None
        step = notes["step"]
        variables = _named(model)
        shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
        saved = {name: a.shape for name, a in arrays.items() if name.startswith("state/")}
        if shapes != saved:
            raise ValueError(
                f"The checkpoint in {self.folder} is of another model or optimizer: it holds "
                f"{len(saved)} arrays of {_size(saved):,} numbers, this one {len(shapes)} of "
                f"{_size(shapes):,}."
            )
        for name, variable in variables.items():
            variable.assign(arrays[name])
        if notes["replicas"] != model.distribute_strategy.num_replicas_in_sync:
            print(
                f"The checkpoint is of {notes['replicas']} replicas and goes on with "
                f"{model.distribute_strategy.num_replicas_in_sync}: the same step, other bits."
            )
        model.first_step = step % self.steps_per_epoch
        self._resumed = arrays, notes
        return step

    def on_train_begin(self, logs=None):
        self._workers = Workers(self.model.distribute_strategy)
        if self._workers.is_chief:
            self.folder.mkdir(parents=True, exist_ok=True)
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._handlers[number] = signal.signal(number, self._on_signal)

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        if self._resumed is not None:
            (arrays, notes), self._resumed = self._resumed, None
            _set_metrics(self.model, self._workers, arrays)
            for callback, state in zip(self._all_callbacks(), notes["callbacks"], strict=True):
                set_callback_state(callback, state, arrays)
        elif epoch:  # only now all callbacks have seen the end of the one before
            self._save_and_leave(epoch * self.steps_per_epoch, due=True)

    def on_train_batch_end(self, batch, logs=None):
        step = self._epoch * self.steps_per_epoch + batch + 1
        if batch + 1 < self.steps_per_epoch:
            self._save_and_leave(step, due=self.every is not None and step % self.every == 0)

    def on_train_end(self, logs=None):
        if not self.model.stop_training:  # else the last epoch is run, and stopped, again
            self._save_and_leave(self.params["epochs"] * self.steps_per_epoch, due=True)
        self._release_signals()

    def clear(self):
        """Removes the checkpoints, when what they were for is done."""
        for path in _paths(self.folder):
            path.unlink(missing_ok=True)
        remove_unfinished(self.folder)

    def _save_and_leave(self, step, *, due):
        """Saves what is due, or before the program ends because a signal came."""
        number = self._workers.largest(self._signal)
        if due or number:
            self._save(step)
        if number:
            self._workers.largest(0)  # nobody leaves before the first has written
            self._release_signals()
            name = signal.Signals(number).name
            print(f"\n{name}: stopped after step {step}, saved in {self.folder}.", flush=True)
            raise SystemExit(128 + number)

    def _save(self, step):
        arrays = {name: variable.numpy() for name, variable in _named(self.model).items()}
        arrays.update(_metrics(self.model, self._workers))
        states = [callback_state(each, arrays) for each in self._all_callbacks()]
        replicas = self.model.distribute_strategy.num_replicas_in_sync
        notes = {**self.notes, "step": step, "replicas": replicas, "callbacks": states}
        if self._workers.is_chief:
            path = self.folder / f"step-{step:09d}.npz"
            try:
                write_checkpoint(path, arrays, notes)
            except OSError as error:
                raise OSError(
                    f"The checkpoint of step {step} could not be written ({error}): the run "
                    f"stops; the one before it is whole, in {self.folder}."
                ) from error
            for old in _paths(self.folder)[self.keep :]:
                old.unlink(missing_ok=True)

    def _all_callbacks(self):
        return [*self._kept_callbacks, self.model.history]

    def _on_signal(self, number, frame):
        self._signal = number
        self._release_signals()  # a second one ends the program at once

    def _release_signals(self):
        while self._handlers:
            signal.signal(*self._handlers.popitem())


def latest(folder):
    """Finds the newest checkpoint that is whole; a damaged one is named and passed over.

    Returns:
        The arrays by name and the notes; or `None`.
    """
    remove_unfinished(folder)
    for path in _paths(folder):
        try:
            return read_checkpoint(path)
        except ValueError as error:
            print(f"{path}: {error} The one before it is taken.")
    return None


def _paths(folder):
    """Returns the checkpoints, newest first."""
    paths = [path for path in Path(folder).glob("step-*.npz") if NAME.fullmatch(path.name)]
    return sorted(paths, key=lambda path: int(NAME.fullmatch(path.name)[1]), reverse=True)


def _named(model):
    return {f"state/{number:05d}": v for number, v in enumerate(model.training_state)}


def _size(shapes):
    return sum(math.prod(shape) for shape in shapes.values())


def _metrics(model, workers):
    """Reads the running sums of an epoch, which differ between replicas: `(R, ...)` each."""
    arrays = {}
    for number, values in enumerate(model.read_metrics()):
        values = workers.gather(values)
        arrays[f"metric/{number:03d}"] = values.reshape(-1, *values.shape[2:])
    return arrays


def _set_metrics(model, workers, arrays):
    """Gives each replica its running sums back, or their sum to the first of another number."""
    names = sorted(name for name in arrays if name.startswith("metric/"))
    now = model.read_metrics()
    replicas = workers.count * len(now[0])
    mine = slice(workers.index * len(now[0]), (workers.index + 1) * len(now[0]))
    values = []
    for name in names:
        saved = arrays[name]
        if len(saved) != replicas:
            saved = np.stack([saved.sum(axis=0), *[np.zeros_like(saved[0])] * (replicas - 1)])
        values.append(saved[mine])
    model.write_metrics(values)


def _of_the_chief(workers, found):
    """Hands what the first worker found to all."""
    if workers.count == 1:
        return found
    file = io.BytesIO()
    if found is not None:
        save_arrays(file, *found)
    content = workers.broadcast(file.getvalue())
    return read_checkpoint(io.BytesIO(content)) if content else None
