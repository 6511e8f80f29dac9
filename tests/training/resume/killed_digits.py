"""Kills the digits recipe after random numbers of steps; compares with a run left alone.

    python tests/training/resume/killed_digits.py FOLDER --kills 20

Every loss of every step, written down the moment it is known, every weight at the end and the
curves of the report must be the same bits. Checkpoints are written every second step, so that kills
fall into saves as well. The runs are forks of one process that has imported everything and computed
nothing.
"""

import argparse
import dataclasses
import json
import os
import random
import signal
import sys
import threading
import traceback
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402, after the path and the level of logs
import sklearn.metrics  # noqa: E402, F401, as the next two: what a run imports late
import sklearn.model_selection  # noqa: E402, F401
import tensorboard.summary  # noqa: E402, F401

import recipes.digits  # noqa: E402
from keras_vit import run  # noqa: E402
from keras_vit.run import training  # noqa: E402

CONFIG = recipes.digits.Config(
    epochs=4,
    warmup_epochs=1,
    xla="off",
    ema=0.9,
    save_every=2,
    validation_epochs=4,
    width=16,
    depth=1,
    num_heads=2,
)


class Log(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        step = int(self.model.optimizer.iterations.numpy())
        print("LOSS", step, float(logs["loss"]).hex(), file=sys.stderr, flush=True)

    def on_train_end(self, logs=None):
        weights = b"".join(weight.tobytes() for weight in self.model.get_weights())
        print("WEIGHTS", weights.hex(), file=sys.stderr, flush=True)


class Run:
    """A fork that runs the recipe, what it prints to `stderr`, and whether it is still there."""

    def __init__(self, folder):
        read, write = os.pipe()
        self._pid, self._is_over = os.fork(), threading.Event()
        if self._pid == 0:
            os.close(read)
            os.dup2(write, 2)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            try:
                train_and_log(folder)
            except BaseException:  # a fork may not return to what its parent was doing
                traceback.print_exc()
            finally:
                os._exit(0)
        os.close(write)
        self.stderr = os.fdopen(read)

    def is_over(self):
        return self._is_over.is_set()

    def kill(self):
        if not self.is_over():
            os.kill(self._pid, signal.SIGKILL)

    def wait(self):
        self._is_over.set()  # it has closed what it prints to
        os.waitpid(self._pid, 0)


def train_and_log(folder):
    train = training.train
    training.deliver, training.log_gallery = log_curves, lambda *_, **__: None
    run.train = lambda *args, **kwargs: train(*args, callbacks=[Log()], **kwargs)
    places = dict(run_dir=str(folder / "run"), export_dir=str(folder / "exports"))
    recipes.digits.run(dataclasses.replace(CONFIG, **places))


def log_curves(*args, report, **kwargs):
    curves = report["curves"]
    values = {name: row for name, row in curves.values.items() if name != "images_per_second"}
    print("CURVES", json.dumps([values, curves.learning_rate]), file=sys.stderr, flush=True)


def follow(process, kill_after=None, inside_save=None):
    """Reads losses until the end or the kill; returns them, and at an end weights and curves.

    Args:
        process: The recipe.
        kill_after: How many losses come before the kill.
        inside_save: The folder of checkpoints, if the kill then waits for a save to begin.
    """
    losses, weights, killer = {}, None, None
    for line in process.stderr:
        kind, _, rest = line.partition(" ")
        if kind == "LOSS":
            step, loss = rest.split()
            losses[int(step)] = loss
            if len(losses) == kill_after:
                killer = threading.Thread(target=kill, args=[process, inside_save])
                killer.start()
        elif kind == "WEIGHTS":
            weights = rest.strip()
        elif kind == "CURVES":
            weights = weights, rest
        else:
            print(line, end="")
    process.wait()
    if killer is not None:
        killer.join()  # before the next fork
    return losses, weights


def kill(process, inside_save):
    while inside_save and not process.is_over() and not list(inside_save.glob(".unfinished-*")):
        pass
    process.kill()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)

    expected, weights = follow(Run(arguments.folder / "whole"))
    steps = len(expected)
    print(f"left alone: {steps} steps")

    equal, unfinished = 0, 0
    reached, resumed = {}, None
    for number in range(arguments.kills):
        checkpoints = arguments.folder / "killed" / "run" / "checkpoints"
        losses, ended = follow(
            Run(arguments.folder / "killed"),
            chance.randint(1, 3 * steps // 2 // arguments.kills),
            inside_save=checkpoints if number % 2 else None,
        )
        if ended is not None:
            break
        left = len(list(checkpoints.glob(".unfinished-*")))
        unfinished += left
        same = all(expected[step] == loss for step, loss in losses.items())
        equal += same
        reached.update(losses)
        print(
            f"kill {number + 1}: steps {min(losses)} to {max(losses)}, "
            f"{'the same bits' if same else 'OTHER BITS'}{', inside a save' * left}",
            flush=True,
        )
        resumed = max(losses)
    losses, ended = follow(Run(arguments.folder / "killed"))
    reached.update(losses)
    print(
        f"{equal} of {arguments.kills} kills changed no bit, {unfinished} were inside a save; "
        f"then on from step {min(losses)} (of {resumed} reached) to {max(losses)}"
    )
    inside = unfinished >= arguments.kills // 4  # of the half that waits for a save to begin
    same = equal == arguments.kills and reached == expected and ended == weights
    sys.exit(not (same and inside))


if __name__ == "__main__":
    main()
