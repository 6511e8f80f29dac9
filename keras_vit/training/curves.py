"""The curves of a training for TensorBoard, against the step."""

import time
from pathlib import Path

import keras
import numpy as np

from keras_vit.keras_private import rates_and_weights
from keras_vit.training.paths import name_of_group

POINTS = 10  # of a learning rate in an epoch


class Curves(keras.callbacks.Callback):
    """Writes the curves of a `TrainingModel` for TensorBoard, against the number of steps done.

    The folder `train` gets the `loss` of each step, the other logs of each epoch, and the learning
    rates: `learning_rate` or, of several, `learning_rate/block03` and so on. The folder
    `validation` gets the logs of each evaluation, by the same names. With several workers, the loss
    of a step is that of the first worker's part of the batch.

    Every point is on disk as soon as its step is done, so a run that goes on with the same folder
    has no gap. Where it goes on it writes a mark, at which TensorBoard drops what came after.

    Args:
        log_dir: Folder that `tensorboard --logdir` is given.
        steps_per_epoch: Steps of an epoch, as passed to `fit`.
        first_step: Steps that the run had done before, 0 for a new one.

    Raises:
        OSError: In `fit`, if a file cannot be written.
    """

    def __init__(self, log_dir, *, steps_per_epoch, first_step=0):
        super().__init__()
        self.log_dir = Path(log_dir)
        self.steps_per_epoch = steps_per_epoch
        self.first_step = first_step

    def on_train_begin(self, logs=None):
        self._files = {}

    def on_epoch_begin(self, epoch, logs=None):
        self._before = epoch * self.steps_per_epoch
        self._sums = None

    def on_train_batch_begin(self, batch, logs=None):
        if self._sums is None:  # after `Checkpoints` has restored them
            self._sums = self.model.running_loss(batch)

    def on_train_batch_end(self, batch, logs=None):
        (total, weight), self._sums = self._sums, self.model.running_loss(batch + 1, logs)
        if self._sums[1] > weight:  # else the step was skipped
            loss = (self._sums[0] - total) / (self._sums[1] - weight)
            self._write("train", self._before + batch + 1, loss=loss)

    def on_epoch_end(self, epoch, logs=None):
        step = self._before + self.steps_per_epoch
        self._write_rates(step)
        validated = {name for name in logs if name.startswith("val_")}
        trained = {name: value for name, value in logs.items() if name not in validated | {"loss"}}
        self._write("train", step, **trained)
        evaluated = {name.removeprefix("val_"): logs[name] for name in validated}
        self._write("validation", step, **evaluated)

    def on_train_end(self, logs=None):
        for file in self._files.values():
            file.close()

    def _write_rates(self, end):
        """Writes the learning rates of an epoch's steps."""
        groups = rates_and_weights(self.model.optimizer)
        steps = np.unique(np.linspace(end - self.steps_per_epoch + 1, end, POINTS).astype(int))
        for rate, weights in groups:
            name = "learning_rate"
            if len(groups) > 1:
                name = f"{name}/{name_of_group([weight.path for weight in weights])}"
            if not callable(rate):
                self._write("train", end, **{name: keras.ops.convert_to_numpy(rate)})
                continue
            # A schedule counts from 0: the first step has the rate of 0.
            rates = np.broadcast_to(keras.ops.convert_to_numpy(rate(steps - 1)), steps.shape)
            for step, value in zip(steps, rates, strict=True):
                self._write("train", int(step), **{name: value})

    def _write(self, part, step, **values):
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        points = [
            Summary.Value(tag=name, simple_value=float(value)) for name, value in values.items()
        ]
        if points:
            file = self._file(part)
            file.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=points)))
            file.flush()

    def _file(self, part):
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        if part not in self._files:
            self._files[part] = file = EventFileWriter(str(self.log_dir / part))
            mark = SessionLog(status=SessionLog.START)
            file.add_event(Event(wall_time=time.time(), step=self.first_step + 1, session_log=mark))
        return self._files[part]
