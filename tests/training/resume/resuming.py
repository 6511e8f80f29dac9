"""Runs that end early and go on."""

import contextlib
import functools
import subprocess
import sys
from pathlib import Path

import keras
import tensorflow as tf
from replicas import cross_entropy, examples, perceptron, strategy_of

from keras_vit.training import Checkpoints, TrainingModel
from keras_vit.training.resume import files

STEPS = 5  # an epoch


EPOCHS = 3


class Killed(Exception):
    pass


class KillAt(keras.callbacks.Callback):
    """Stands for a kill after a step; what the step would have saved is lost."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations.numpy()) == self.step:
            raise Killed


class Losses(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.losses = {}

    def on_train_batch_end(self, batch, logs=None):
        self.losses[int(self.model.optimizer.iterations.numpy())] = float(logs["loss"])


def build(replicas=1, jit_compile=False, units=4, metrics=("accuracy",)):
    keras.utils.set_random_seed(0)
    with strategy_of(replicas).scope():
        model = perceptron(TrainingModel, keras.layers.Dropout(0.3), keras.layers.Dense(units))
        optimizer = keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(0.05, STEPS * EPOCHS),
            global_clipnorm=0.5,
            use_ema=True,
            ema_momentum=0.9,
            ema_overwrite_frequency=7,
        )
        model.compile(
            optimizer,
            cross_entropy(),
            metrics=metrics and list(metrics),
            accumulation=2,
            jit_compile=jit_compile,
        )
    return model


@functools.cache
def _built(**arguments):
    model = build(**arguments)
    return model, [(variable, variable.numpy()) for variable in model.training_state.values()]


def build_again(**arguments):
    """Returns one model each time, as it was built: tracing a step anew takes a second."""
    model, state = _built(**arguments)
    for variable, value in state:
        variable.assign(value)
    return model


def fit(model, checkpoints, *callbacks, epochs=EPOCHS):
    """Goes on with what the checkpoints hold, until the end."""
    step = checkpoints.restore(model)
    x, y = examples(24, "float32")
    model.fit(
        tf.data.Dataset.from_tensor_slices((x, y)).repeat().batch(8).skip(step),
        epochs=epochs,
        initial_epoch=step // STEPS,
        steps_per_epoch=STEPS,
        callbacks=[*callbacks, checkpoints],
        verbose=0,
        shuffle=False,
    )


# Without the package around the file, which imports TensorFlow.
HOLD = """
import runpy, sys
folder = runpy.run_path(sys.argv[2])["CheckpointFolder"](sys.argv[1], keep=2)
folder.open()
print("held", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def another_process_holds(folder):
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", HOLD, folder, files.__file__]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as other:
        assert other.stdout.readline() == b"held\n"
        yield
        other.kill()


def run(folder, *, kill_at=None, every=2, build=build_again, **arguments):
    """Trains or goes on; returns losses by step, and the model with its early stopping."""
    model = build(**arguments)
    stopping = keras.callbacks.EarlyStopping("loss", patience=1, restore_best_weights=True)
    best = keras.callbacks.ModelCheckpoint(Path(folder, "best.keras"), "loss", save_best_only=True)
    losses = Losses()
    callbacks = [stopping, best, losses]
    checkpoints = Checkpoints(
        folder, steps_per_epoch=STEPS, every=every, callbacks=[stopping, best]
    )
    callbacks += [] if kill_at is None else [KillAt(kill_at)]
    try:
        fit(model, checkpoints, *callbacks)
    except Killed:
        pass
    return losses.losses, model, (stopping, best)
