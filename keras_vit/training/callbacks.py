"""Keras callbacks: what happens between batches and epochs."""

import time

import keras


class Throughput(keras.callbacks.Callback):
    """Adds `images_per_second` to the logs of each epoch, for callbacks that come after it.

    The clock runs from the end of the epoch's first step to the end of its last, so that neither
    compiling nor validation counts.

    Args:
        batch_size: Images per step.
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
