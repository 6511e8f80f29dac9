"""Keras callbacks that measure, report and stop a training."""

import contextlib
import math
import time

import keras

from keras_vit.errors import Diverged, UserError
from keras_vit.progress import doing


class Throughput(keras.callbacks.Callback):
    """Adds `images_per_second` to the logs of each epoch, for callbacks that come after it.

    It measures from the end of the epoch's first step to the end of its last, which excludes
    compilation and validation.

    Args:
        batch_size: Images per step, over all devices.
    """

    def __init__(self, batch_size):
        super().__init__()
        self.batch_size = batch_size

    def on_epoch_begin(self, epoch, logs=None):
        self.ends = []

    def on_train_batch_end(self, batch, logs=None):
        self.ends.append((batch, time.perf_counter()))

    def on_epoch_end(self, epoch, logs=None):
        (first, start), (last, end) = self.ends[0], self.ends[-1]
        if last > first:
            logs["images_per_second"] = (last - first) * self.batch_size / (end - start)


class FirstStep(keras.callbacks.Callback, contextlib.ExitStack):
    """Says while the first step of `fit` is traced and compiled, which takes long.

    It is a context manager too: if the step fails, it ends with the `with` block.
    """

    def __init__(self):
        keras.callbacks.Callback.__init__(self)
        contextlib.ExitStack.__init__(self)

    def on_train_begin(self, logs=None):
        self.is_first = True

    def on_train_batch_begin(self, batch, logs=None):
        if self.is_first:
            self.is_first = False
            self.enter_context(doing("tracing and compiling the first step"))

    def on_train_batch_end(self, batch, logs=None):
        self.close()


class PatchDropoutSchedule(keras.callbacks.Callback):
    """Sets the rate of the model's layer `patch_dropout` at the beginning of given epochs.

    With each rate the number of tokens changes, so the train step is compiled again.

    Args:
        rates: Maps the epoch (from 0) at which a rate takes effect to that rate, in `[0, 1)`.

    Raises:
        ValueError: If there is no rate for epoch 0; in training, if the model has no layer
            `patch_dropout`.
    """

    def __init__(self, rates):
        super().__init__()
        if 0 not in rates:
            raise UserError(f"The rates must begin with epoch 0: received {rates}.")
        self.rates = rates

    def on_epoch_begin(self, epoch, logs=None):
        layer = self.model.get_layer("patch_dropout")
        rate = self.rates[max(start for start in self.rates if start <= epoch)]
        if layer.rate != rate:
            layer.rate = rate
            self.model.make_train_function(force=True)


class ReportBroken(keras.callbacks.Callback):
    """Prints after each epoch which pictures could not be read, and logs `broken_pictures`.

    This number counts each broken picture of training and validation once an epoch. It is logged
    from the first epoch on that has one.

    Args:
        broken: The `keras_vit.data.BrokenPictures` in which the pipelines record them.
        shown: How many paths are printed at most.
    """

    def __init__(self, broken, *, shown=10):
        super().__init__()
        self.broken = broken
        self.shown = shown
        self._saw_one = False

    def on_epoch_end(self, epoch, logs=None):
        broken = self.broken.collect()
        self._saw_one |= bool(broken)
        if self._saw_one:
            logs["broken_pictures"] = len(broken)
        if broken:
            pictures = f"{len(broken)} picture{'s' if len(broken) > 1 else ''}"
            print(f"\n{pictures} could not be read in epoch {epoch + 1}:")
        for path, reason in list(broken.items())[: self.shown]:
            print(f"  {path}: {reason}")
        if len(broken) > self.shown:
            print(f"  and {len(broken) - self.shown} more; keras-vit check-data lists them all.")


class WatchFinite(keras.callbacks.Callback):
    """Ends training at a gradient that is not finite, or counts such steps of a `TrainingModel`.

    Such a step changes no weight, so every file on disk stays finite. With float16 such steps are
    part of the search for the loss scale: training ends only when the scale has come down to 1.

    Args:
        stop: Whether training ends. If not, the count is logged as `skipped_steps` each epoch.

    Raises:
        FloatingPointError: In training, if `stop` and a gradient is not finite.
        ValueError: In training, if `stop` and the cause is an integer label that is no class.
    """

    def __init__(self, *, stop=True):
        super().__init__()
        self.stop = stop

    def on_train_begin(self, logs=None):
        self.before = self._skipped()

    def on_train_batch_end(self, batch, logs=None):
        if self.stop and self._skipped() > self.before and self.model.loss_scale.numpy() <= 1:
            print()  # the progress bar's line ends here
            label = self.model.label_out_of_range()
            if label is not None:
                raise UserError(
                    f"Labels must lie in [0, {self.model.output.shape[-1]}): received {label} in "
                    f"step {batch + 1} of this epoch."
                )
            raise Diverged(
                f"The gradient of step {batch + 1} of this epoch is not finite: the weights are as "
                "before it, and so is what is saved. Lower the learning rate, clip the gradient, "
                "or skip such steps."
            )

    def on_epoch_end(self, epoch, logs=None):
        skipped = self._skipped()
        if skipped:
            logs["skipped_steps"] = skipped
            print(f"\n{skipped} steps were skipped so far: their gradients were not finite.")

    def _skipped(self):
        return int(self.model.skipped_steps.numpy())


class WatchLoss(keras.callbacks.Callback):
    """Ends training when the loss is not finite, on backends whose step does not check gradients.

    Raises:
        FloatingPointError: In training, if the loss of an epoch's steps so far is not finite.
    """

    def on_train_batch_end(self, batch, logs=None):
        if not math.isfinite(logs["loss"]):
            print()  # the progress bar's line ends here
            raise Diverged(
                f"The loss is not finite in step {batch + 1} of this epoch; the checkpoints are of "
                "steps before. Lower the learning rate, or clip the gradient."
            )
