"""Whether XLA is faster: measured with this model on this machine, if that can pay."""

import statistics
import time

import keras
import tensorflow as tf

from keras_vit.choices import XLA
from keras_vit.errors import UserError
from keras_vit.keras_private import all_layers
from keras_vit.progress import doing
from keras_vit.training.devices.workers import Workers
from keras_vit.training.step.trials import read_trial, trial_key, write_trial

ROUNDS = 5  # steps of a trial, each with XLA and without
FEWEST = 30  # steps of a run; fewer do not even pay to be timed
LARGEST_GAIN = 0.3  # share of a step that XLA may plausibly save
SECONDS_PER_WEIGHT = 0.15  # of a compilation, for each tensor that is trained


def choose_xla(xla, model, batch, *, steps=None):
    """Decides whether `compile(jit_compile=...)` should be on, and prints why.

    `"auto"` never costs more than it can gain. It times forward and backward without XLA, and
    tries XLA only if `LARGEST_GAIN` of the steps that are left takes longer than two compilations,
    one for the trial and one for the training, and the steps of the trial. XLA is on if what it
    saves of the steps that are left exceeds its compilation. What was measured is remembered: see
    `keras_vit.training.step.trials`.

    Args:
        xla: `"on"`, `"off"` or `"auto"`.
        model: A compiled `TrainingModel`; it is not changed.
        batch: One replica's part of a batch: images `(B, H, W, C)` and labels `(B, ...)`.
        steps: Steps of the run that are left; if `None`, so many that a trial always pays.

    Returns:
        Whether XLA should compile the step.

    Raises:
        ValueError: If `xla` is none of the three; `"on"` although XLA cannot compile a layer or
            the loss; or `"off"` on the JAX backend.
    """
    if xla not in XLA:
        raise UserError(f"`xla` must be one of {', '.join(XLA)}: received {xla!r}.")
    if keras.backend.backend() == "jax":
        if xla == "off":
            raise UserError("The JAX backend is XLA: received xla='off'.")
        return True
    if xla == "on":
        check_jit(model, model.loss)
    if xla != "auto":
        print(f"XLA is {xla}, as asked for.")
        return xla == "on"
    if names := without_jit(model, model.loss):
        print(f"XLA is off: it cannot compile {', '.join(names)}.")
        return False
    # Workers measure different times but must choose alike: the first one's choice counts.
    workers = Workers(model.distribute_strategy)
    told = workers.broadcast(_decide(model, batch, steps).encode()).decode()
    print(told)
    return told.startswith("XLA is on")


def _decide(model, batch, steps):
    """Returns what is chosen and why, a sentence that begins with "XLA is on" or "XLA is off"."""
    if steps is not None and steps < FEWEST:
        return f"XLA is off: a trial costs more than {steps} steps can gain."
    steps = float("inf") if steps is None else steps
    key = trial_key(model, batch)
    trial, source = read_trial(key), "measured before"
    if "with_xla" not in trial:
        plain = None
        if not trial:
            plain = Timed(model, batch, jit_compile=False)
            trial = {"without": plain.median(2)}
            write_trial(key, **trial)
        gain = LARGEST_GAIN * steps * trial["without"]
        compiling = SECONDS_PER_WEIGHT * len(model.trainable_variables)
        cost = 2 * compiling + 2 * ROUNDS * trial["without"]
        if gain <= cost:
            return (
                f"XLA is off: of the {steps * trial['without']:.0f} s that the steps take it could "
                f"save {gain:.0f} at most, and to try it takes about {cost:.0f}."
            )
        plain = plain or Timed(model, batch, jit_compile=False)
        trial, source = try_xla(model, batch, plain, seconds=gain), "measured"
        write_trial(key, **trial)
    saved = steps * (trial["without"] - trial["with_xla"])
    is_on = saved > trial["compiling"]
    return (
        f"XLA is {'on' if is_on else 'off'}: forward and backward take "
        f"{1000 * trial['with_xla']:.1f} ms with it and {1000 * trial['without']:.1f} ms without, "
        f"and to compile takes {trial['compiling']:.1f} s longer ({source})."
    )


class Timed:
    """Forward and backward of a batch, whose calls are timed.

    Args:
        model: A compiled `TrainingModel`; it is not changed.
        batch: One replica's part of a batch.
        jit_compile: Whether XLA compiles them.

    Attributes:
        compiling: Seconds of the first call, which compiles.
    """

    def __init__(self, model, batch, *, jit_compile):
        self._run = model.gradient_function(batch, jit_compile=jit_compile)
        self._seconds = []
        with doing(f"compiling a step with{'' if jit_compile else 'out'} XLA, to time it"):
            self.compiling = self._call()

    def median(self, more=1):
        """Calls it `more` times, and returns the median seconds of a call so far."""
        with doing("timing a step"):
            self._seconds += [self._call() for _ in range(more)]
        return statistics.median(self._seconds)

    def _call(self):
        start = time.perf_counter()
        self._run()
        tf.test.experimental.sync_devices()
        return time.perf_counter() - start


def try_xla(model, batch, plain, *, seconds):
    """Times forward and backward with XLA and without, in turns.

    Args:
        model: A compiled `TrainingModel`; it is not changed.
        batch: One replica's part of a batch.
        plain: The `Timed` without XLA.
        seconds: How long this may take; then there are no further turns.

    Returns:
        A dictionary of seconds: of a step `with_xla` and `without`, and how much longer `compiling`
        takes with XLA.
    """
    start = time.perf_counter()
    compiled = Timed(model, batch, jit_compile=True)
    for _ in range(ROUNDS):
        trial = {"with_xla": compiled.median(), "without": plain.median()}
        if time.perf_counter() - start > seconds:
            break
    return {**trial, "compiling": max(0.0, compiled.compiling - plain.compiling)}


def without_jit(model, loss):
    """Returns the names of the layers, inner ones too, and losses that XLA cannot compile.

    Args:
        model: A Keras model.
        loss: As `keras.Model.compile` takes it.
    """
    parts = [*all_layers(model), *keras.tree.flatten(loss)]
    return [part.name for part in parts if not getattr(part, "supports_jit", True)]


def check_jit(model, loss):
    """Raises a `ValueError` if XLA cannot compile every layer of a model and its losses.

    Args:
        model: A Keras model.
        loss: As `keras.Model.compile` takes it.

    Raises:
        ValueError: If a layer, at any depth, or a loss has `supports_jit` False.
    """
    if names := without_jit(model, loss):
        raise UserError(
            "XLA cannot compile every layer and loss: received supports_jit=False in "
            f"{', '.join(names)}."
        )
