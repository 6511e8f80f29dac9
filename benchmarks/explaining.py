"""Time of an explanation, as a multiple of the time of the answer.

    python -m benchmarks.explaining

A ViT without weights of its own answers a batch of random images, and is explained by each method.
In each round every one of them runs once. The table holds medians over the rounds; the ratio to the
answer, `model(images)`, is computed within each round. The graph of the answer is a second
yardstick: explanations run without one.
"""

import dataclasses
import statistics
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.progress import track

from benchmarks.machine import machine
from keras_vit.command_line import run_recipe
from keras_vit.interpret.methods import METHODS
from keras_vit.models import vit
from keras_vit.tasks import classifier

ANSWER = "answer"
ONE_PASS = "attention", "rollout", "gradient-rollout", "attribution", "relevance", "gradcam"


@dataclasses.dataclass(frozen=True)
class Config:
    """The flags of the benchmark."""

    model: str = "Ti/16"
    """Name of the size and the patches."""
    image_size: int = 224
    """Side of the images in pixels."""
    batch_size: int = 16
    """Images that are explained at once."""
    rounds: int = 5
    """Number of turns of each method."""
    methods: tuple[str, ...] = ONE_PASS
    """Methods of `keras-vit explain`; by default those of one gradient, or two, or none."""
    out: str = str(Path(__file__).with_suffix(".txt"))
    """File that the table is also written to."""


def run(config):
    """Measures all methods, then prints and writes the table; `config` is a `Config`."""
    model = classifier(vit(config.model, image_size=config.image_size), 1000)
    shape = config.batch_size, config.image_size, config.image_size, 3
    images = tf.constant(np.random.default_rng(0).integers(0, 256, shape), tf.float32)
    rivals = {ANSWER: lambda x: model(x, training=False)}
    rivals["answer, as a graph"] = tf.function(rivals[ANSWER], autograph=False)
    rivals |= {name: METHODS[name](model, None) for name in config.methods}
    times = {name: [] for name in rivals}
    for rival in track(list(rivals.values()), "Warming up"):
        np.asarray(rival(images))
    for _ in track(range(config.rounds), "Measuring"):
        for name, rival in rivals.items():
            start = time.perf_counter()
            np.asarray(rival(images))  # waits for the result
            times[name].append(1000 * (time.perf_counter() - start))
    lines = [f"{'':24}{'ms':>10}{'ms/image':>10}{'ratio':>8}"]
    for name, turns in times.items():
        median = statistics.median(turns)
        ratio = statistics.median(a / b for a, b in zip(turns, times[ANSWER], strict=True))
        lines.append(f"{name:24}{median:10.0f}{median / config.batch_size:10.1f}{ratio:8.2f}")
    lines += [
        "",
        "ratio: time relative to the answer, median over the rounds",
        f"{config.model}, {config.image_size} pixels, batch {config.batch_size}, float32, "
        f"{config.rounds} rounds",
        machine(),
        "python -m benchmarks.explaining",
    ]
    Console().print("\n".join(lines), highlight=False)
    Path(config.out).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run_recipe(run, Config, __doc__)
