"""Speed of input pipelines without a model: ours, KerasCV's layers, Keras' layers and timm's.

    python -m benchmarks.input_pipeline

(a) 32x32 images in memory, as CIFAR-10's: crop with padding, flip, RandAugment(2, 9), erasing,
mixup or cutmix. (b) JPEG files of about 110 kB to 224x224: Inception crop, flip, RandAugment(2, 9).
The images are random with a natural spectrum (amplitude falls as 1/f), so no data set is needed.

Everything runs in one process, bound to one core, and images stay uint8 to the end. timm takes part
if torch, torchvision and timm are installed: its `create_transform` in a torch DataLoader without
workers, mixing with its `FastCollateMixup`. The pipelines take turns. Each turn makes a new
iterator, warms it up and takes batches for some seconds. The table holds medians over the rounds;
ratios are computed within each round.
"""

import dataclasses
import os
import statistics
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.progress import track

from benchmarks.machine import machine
from benchmarks.pictures import FILE_SHAPE, write_jpegs
from benchmarks.pipelines import LARGE_BATCH, SMALL_BATCH, rivals
from keras_vit.command_line import run_recipe


@dataclasses.dataclass(frozen=True)
class Config:
    """The flags of the benchmark."""

    rounds: int = 5
    """Number of turns of each pipeline."""
    seconds: float = 3.0
    """Seconds of a turn."""
    files: int = 128
    """Number of JPEG files that are made."""
    out: str = str(Path(__file__).with_suffix(".txt"))
    """File that the table is also written to."""


def measure(batches, seconds):
    """Measures the speed of a pipeline in one turn, after two batches to warm up.

    Args:
        batches: An endless iterable of batches.
        seconds: Length of the turn, in seconds.

    Returns:
        Batches per second.
    """
    iterator = iter(batches)
    for _ in range(2):
        next(iterator)
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds or count < 2:
        next(iterator)
        count += 1
    return count / (time.perf_counter() - start)


def run(config):
    """Measures all pipelines, then prints and writes the table; `config` is a `Config`."""
    with tempfile.TemporaryDirectory() as folder:
        write_jpegs(folder, config.files)
        size = statistics.mean(path.stat().st_size for path in Path(folder).glob("*/*.jpg"))
        table = rivals(folder)
        rates = {key: [] for key in table}
        for _ in track(range(config.rounds), "Measuring"):
            for key, (batches, batch_size) in table.items():
                rates[key].append(measure(batches, config.seconds) * batch_size)

    lines = [f"{'case':6}{'pipeline':12}{'images/s':>10}{'ours/it':>9}"]
    for (case, name), turns in rates.items():
        ours = rates[case, "keras_vit"]
        ratio = statistics.median(a / b for a, b in zip(ours, turns, strict=True))
        lines.append(f"{case:6}{name:12}{statistics.median(turns):10.0f}{ratio:9.2f}")
    lines += [
        "",
        "images/s: per core, median over the rounds; ours/it: speed of keras_vit over it",
        "a: 32x32 in memory, crop with padding, flip, RandAugment(2, 9), erasing, mixup or cutmix",
        f"b: JPEG files of {size / 1000:.0f} kB, {FILE_SHAPE[1]}x{FILE_SHAPE[0]}, to 224x224: "
        "Inception crop, flip, RandAugment(2, 9)",
        f"{config.rounds} rounds of {config.seconds} s a turn, batches of {SMALL_BATCH} and "
        f"{LARGE_BATCH}, one core",
        machine(),
        "python -m benchmarks.input_pipeline",
    ]
    Console().print("\n".join(lines), highlight=False)
    Path(config.out).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    run_recipe(run, Config, __doc__)
