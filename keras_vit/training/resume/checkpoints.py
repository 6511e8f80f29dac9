"""Exact resume: a run that was stopped or killed goes on with the same bits."""

import signal
from pathlib import Path

import keras
import numpy as np

from keras_vit.errors import Diverged, UserError
from keras_vit.training.devices.workers import Workers
from keras_vit.training.resume.callback_state import (
    callback_state,
    check_callback,
    set_callback_state,
)
from keras_vit.training.resume.files import CheckpointFolder
from keras_vit.training.resume.state import (
    check_run,
    match_variables,
    metric_arrays,
    set_metrics,
    variable_arrays,
)
from keras_vit.training.resume.stop_signals import StopSignals


class Checkpoints(keras.callbacks.Callback):
    """Saves everything a `TrainingModel` needs to go on, so that later steps are the same bits.

    Weights, optimizer, averages, loss scale, seeds, metrics of the current epoch, the states of
    other callbacks and the history of `fit` are saved together; the position in the data is the
    step. Pass it as the last callback:

        checkpoints = Checkpoints("runs/mine/checkpoints", steps_per_epoch=390, every=100)
        step = checkpoints.restore(model)  # 0 where there is no checkpoint
        batches = train_batches(..., start_step=step)
        model.fit(batches, steps_per_epoch=390, initial_epoch=step // 390, epochs=25,
                  callbacks=[..., checkpoints])

    It saves after every epoch, every `every` steps, and on SIGTERM and Ctrl-C, after which the
    program ends with status 143 or 130; an evaluation between two epochs is completed first. With
    several workers, all agree on the step, and only the first one writes and reads: only its folder
    counts.

    The same bits need the same number of devices, the same choice of XLA and the same versions.
    With another number of replicas a run goes on too, with a notice.

    Args:
        folder: Folder of the files `step-<number>.npz`; made if missing. One run at a time.
        steps_per_epoch: Steps of an epoch, as passed to `fit`.
        every: Steps between two files; `None` saves once an epoch.
        callbacks: Callbacks whose states are saved and restored: Keras' `EarlyStopping` and
            `ModelCheckpoint`, or any with `get_state()`, which returns a dictionary of numbers,
            strings, arrays, lists and dictionaries, and `set_state(state)`.
        keep: How many files are kept, at least 2.
        notes: A dictionary that JSON can hold; saved too, and returned by `find`.

    Raises:
        ValueError: If a number is out of its range or a callback has no such state; in `fit`, if
            another process writes to the folder, or the folder holds a run that was not restored.
        FloatingPointError: In `fit`, if the weights to save are not finite.
        OSError: In `fit`, if a file cannot be written; earlier files stay.
    """

    def __init__(self, folder, *, steps_per_epoch, every=None, callbacks=(), keep=2, notes=None):
        super().__init__()
        if keep < 2:
            raise UserError(f"`keep` must be at least 2: received keep={keep}.")
        if every is not None and every < 1:
            raise UserError(f"`every` must be at least 1: received every={every}.")
        for callback in callbacks:
            check_callback(callback)
        self.folder = Path(folder)
        self.steps_per_epoch = steps_per_epoch
        self.every = every
        self.notes = notes or {}
        self._files = CheckpointFolder(folder, keep=keep)
        self._signals = StopSignals()
        self._kept_callbacks = list(callbacks)
        self._newest = self._resumed = None
        self._was_read = False
        self._step = 0  # the last one that was restored or saved
        self._ended = 0  # epochs

    def find(self, strategy):
        """Reads the newest undamaged checkpoint; with several workers, the first one's.

        Args:
            strategy: The `tf.distribute.Strategy` of the run; on the JAX backend its devices.

        Returns:
            The checkpoint's notes, or `None` where there is no checkpoint.

        Raises:
            OSError: If a file cannot be opened.
        """
        if not self._was_read:
            self._newest = self._files.newest_of_chief(Workers(strategy))
            self._was_read = True
        return None if self._newest is None else self._newest[1]

    def restore(self, model):
        """Sets a compiled model to the state in the newest undamaged checkpoint.

        Args:
            model: A `TrainingModel`, compiled with the arguments that it had in that run.

        Returns:
            The number of steps done, 0 where there is no checkpoint.

        Raises:
            ValueError: If the checkpoint is of another model, optimizer, callbacks or length of the
                epoch.
            OSError: If a file cannot be opened.
        """
        self.find(model.distribute_strategy)
        newest, self._newest, self._was_read = self._newest, None, False
        if newest is None:
            return 0
        arrays, notes = newest
        pairs = match_variables(self.folder, arrays, model)
        check_run(self.folder, notes, self._kept_callbacks, self.steps_per_epoch)
        for variable, array in pairs:
            variable.assign(array)
        if notes["replicas"] != model.distribute_strategy.num_replicas_in_sync:
            print(
                f"The checkpoint is of {notes['replicas']} replicas and goes on with "
                f"{model.distribute_strategy.num_replicas_in_sync}: the same step, other bits."
            )
        self._step = notes["step"]
        model.first_step = self._step % self.steps_per_epoch
        self._resumed = arrays, notes
        return self._step

    def on_train_begin(self, logs=None):
        self._workers = Workers(self.model.distribute_strategy)
        self._ended = 0
        if self._workers.is_chief:
            self._files.open()
            if self._files.newest_step > self._step:
                self._files.close()
                raise UserError(
                    f"{self.folder} holds another run, at step {self._files.newest_step}: call "
                    "`restore` to go on with it, or `clear` to lose it."
                )
        self._signals.watch()
        self.model.checkpoints = self

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        if self._resumed is not None:
            if self._step % self.steps_per_epoch:
                set_metrics(self.model, self._workers, self._resumed[0])
            self._set_callbacks()
        elif epoch:  # only now have all callbacks seen the end of the epoch before
            self._save_and_leave(epoch * self.steps_per_epoch, due=True)

    def on_epoch_end(self, epoch, logs=None):
        self._ended = epoch + 1

    def on_train_batch_end(self, batch, logs=None):
        step = self._epoch * self.steps_per_epoch + batch + 1
        if batch + 1 < self.steps_per_epoch:
            self._save_and_leave(step, due=self.every is not None and step % self.every == 0)

    def on_last_step(self):
        """Saves after the last epoch; `fit` calls it before the averages become the weights."""
        is_over = self._ended == self.params["epochs"]  # on JAX, this is called after a failure too
        # A run that `EarlyStopping` has ended repeats its last epoch when it is resumed.
        if is_over and not self.model.stop_training:
            self._save_and_leave(self.params["epochs"] * self.steps_per_epoch, due=True)
        self._leave(self._agreed_signal())

    def on_train_end(self, logs=None):
        if self._resumed is not None:  # all epochs were done before
            self._set_callbacks()

    def close(self):
        """Releases the signals and the folder; `fit` calls it when it ends, in whatever way."""
        self._signals.release()
        self._files.close()

    def clear(self):
        """Removes the checkpoints, for example once the run is complete.

        Raises:
            ValueError: If another process writes to the folder.
        """
        self._files.clear()
        self._step = 0

    def _save_and_leave(self, step, *, due):
        """Saves if it is due or a signal came; ends the program if one came."""
        number = self._agreed_signal()
        if due or number:
            self._save(step)
        self._leave(number)

    def _agreed_signal(self):
        return self._workers.largest(self._signals.received)

    def _leave(self, number):
        """Ends the program where `number` is a signal's."""
        if number:
            self._workers.largest(0)  # no worker leaves before the first has written
            name = signal.Signals(number).name
            print(f"\n{name}: stopped, step {self._step} is saved in {self.folder}.", flush=True)
            raise SystemExit(128 + number)

    def _save(self, step):
        arrays = variable_arrays(self.model)
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise Diverged(
                f"The weights are not finite after step {step} and are not saved; the last "
                f"checkpoint is of step {self._step}. Lower the learning rate or clip the gradient."
            )
        if step % self.steps_per_epoch:  # else the metrics are of an epoch that is over
            arrays.update(metric_arrays(self.model, self._workers))
        callbacks = [
            {"name": type(each).__name__, "state": callback_state(each, arrays)}
            for each in self._all_callbacks()
        ]
        replicas = self.model.distribute_strategy.num_replicas_in_sync
        notes = {
            **self.notes,
            "step": step,
            "steps_per_epoch": self.steps_per_epoch,
            "replicas": replicas,
            "callbacks": callbacks,
        }
        if self._workers.is_chief:
            try:
                self._files.write(step, arrays, notes)
            except OSError as error:
                raise OSError(
                    f"The checkpoint of step {step} could not be written ({error}): the run "
                    f"stops; the one before it is whole, in {self.folder}."
                ) from error
        self._step = step

    def _set_callbacks(self):
        (arrays, notes), self._resumed = self._resumed, None
        for callback, saved in zip(self._all_callbacks(), notes["callbacks"], strict=True):
            set_callback_state(callback, saved["state"], arrays)

    def _all_callbacks(self):
        return [*self._kept_callbacks, self.model.history]
