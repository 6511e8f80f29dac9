"""Kills the digits recipe at random moments until it is done; compares with a run left alone.

    python tests/training/resume/killed_digits.py FOLDER --kills 20

Every loss of every step, written down the moment it is known, and every weight at the end must be
the same bits. Checkpoints are written every second step, so that kills fall into saves as well.
"""

import argparse
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[3]
FLAGS = ["--epochs", "20", "--warmup-epochs", "1", "--xla", "off", "--ema", "0.9"]
FLAGS += ["--save-every", "2", "--accumulation", "2", "--width", "24", "--depth", "2"]

CHILD = """
import sys
import keras
import recipes.digits
from keras_vit.run import run_recipe, training

class Log(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        step = int(self.model.optimizer.iterations.numpy())
        print("LOSS", step, float(logs["loss"]).hex(), file=sys.stderr, flush=True)

    def on_train_end(self, logs=None):
        weights = b"".join(weight.tobytes() for weight in self.model.get_weights())
        print("WEIGHTS", weights.hex(), file=sys.stderr, flush=True)

training.deliver = lambda *args, **kwargs: None
train = training.train
recipes.digits.train = lambda *args, **kwargs: train(*args, callbacks=[Log()], **kwargs)
run_recipe(recipes.digits.run, recipes.digits.Config, "")
"""


def start(folder):
    places = ["--run-dir", str(folder / "run"), "--export-dir", str(folder / "exports")]
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *FLAGS, *places],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def follow(process, kill_after=None, inside_save=None):
    """Reads losses until the end or the kill.

    Returns them, the weights if there was an end, and the seconds from the first loss on.

    Args:
        process: The recipe.
        kill_after: Seconds from the first loss to the kill.
        inside_save: The folder of checkpoints, if the kill then waits for a save to begin.
    """
    losses, weights, killer, begin = {}, None, None, 0.0
    for line in process.stderr:
        kind, _, rest = line.partition(" ")
        if kind == "LOSS":
            step, loss = rest.split()
            begin = begin or time.monotonic()
            losses[int(step)] = loss
            if kill_after is not None and killer is None:
                killer = threading.Timer(kill_after, kill, [process, inside_save])
                killer.start()
        if kind == "WEIGHTS":
            weights = rest.strip()
    process.wait()
    return losses, weights, time.monotonic() - begin


def kill(process, inside_save):
    while inside_save and process.poll() is None and not list(inside_save.glob(".unfinished-*")):
        pass
    process.kill()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)

    expected, weights, seconds = follow(start(arguments.folder / "whole"))
    steps = len(expected)
    print(f"left alone: {steps} steps, {seconds:.0f} s")

    equal, unfinished = 0, 0
    reached, resumed = {}, None
    for number in range(arguments.kills):
        checkpoints = arguments.folder / "killed" / "run" / "checkpoints"
        losses, ended, _ = follow(
            start(arguments.folder / "killed"),
            chance.uniform(0, 1.5 * seconds / arguments.kills),
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
    losses, ended, _ = follow(start(arguments.folder / "killed"))
    reached.update(losses)
    print(
        f"{equal} of {arguments.kills} kills changed no bit, {unfinished} were inside a save; "
        f"then on from step {min(losses)} (of {resumed} reached) to {max(losses)}"
    )
    sys.exit(not (equal == arguments.kills and reached == expected and ended == weights))


if __name__ == "__main__":
    main()
