"""Whether XLA is faster: measured with this model on this machine."""

import statistics
import time

import keras
import tensorflow as tf

from keras_vit.choices import XLA
from keras_vit.errors import UserError
from keras_vit.keras_private import all_layers
from keras_vit.training.devices.workers import Workers

ROUNDS = 5


def choose_xla(xla, model, batch):
    """Decides whether `compile(jit_compile=...)` should be on, and prints why.

    Args:
        xla: `"on"`, `"off"`, or `"auto"`, which times forward and backward with and without.
        model: A compiled `TrainingModel`; it is not changed.
        batch: One replica's part of a batch: images `(B, H, W, C)` and labels `(B, ...)`.

    Returns:
        Whether XLA should compile the step.

    Raises:
        ValueError: If `xla` is none of the three; `"on"` although XLA cannot compile a layer; or
            `"off"` on the JAX backend.
    """
    if xla not in XLA:
        raise UserError(f"`xla` must be one of {', '.join(XLA)}: received {xla!r}.")
    if keras.backend.backend() == "jax":
        if xla == "off":
            raise UserError("The JAX backend is XLA: received xla='off'.")
        return True
    if xla == "on":
        check_jit(model)
    if xla != "auto":
        print(f"XLA is {xla}, as asked for.")
        return xla == "on"
    if layers := layers_without_jit(model):
        print(f"XLA is off: it cannot compile {', '.join(layers)}.")
        return False
    # Workers measure different times but must choose alike: those of the first one count.
    with_xla, without = Workers(model.distribute_strategy).gather(times_of_a_step(model, batch))[0]
    print(
        f"XLA is {'on' if with_xla < without else 'off'}: forward and backward take "
        f"{1000 * with_xla:.1f} ms with it and {1000 * without:.1f} ms without."
    )
    return bool(with_xla < without)


def times_of_a_step(model, batch):
    """Times forward and backward with XLA and without.

    Args:
        model: A compiled `TrainingModel`; it is not changed.
        batch: One replica's part of a batch: images `(B, H, W, C)` and labels `(B, ...)`.

    Returns:
        Two medians in seconds: with XLA, and without.
    """
    runs = [model.gradient_function(batch, jit_compile=jit) for jit in (True, False)]
    times = [[], []]
    for _ in range(ROUNDS + 1):  # the first compiles
        for run, seconds in zip(runs, times, strict=True):
            start = time.perf_counter()
            run()
            tf.test.experimental.sync_devices()
            seconds.append(time.perf_counter() - start)
    return [statistics.median(seconds[1:]) for seconds in times]


def layers_without_jit(model):
    """Returns the names of the layers of `model`, inner ones too, that XLA cannot compile."""
    return [layer.name for layer in all_layers(model) if not layer.supports_jit]


def check_jit(model):
    """Raises a `ValueError` if XLA cannot compile every layer of a model.

    Args:
        model: A Keras model.

    Raises:
        ValueError: If a layer, at any depth, has `supports_jit` False.
    """
    if layers := layers_without_jit(model):
        raise UserError(
            f"XLA cannot compile every layer: received supports_jit=False in {', '.join(layers)}."
        )
