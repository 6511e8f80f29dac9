"""Time of a call in each runtime: ViT-Ti/16 at 224 pixels, 1,000 classes.

    python -m benchmarks.runtimes

Weights and images are random; trained ones take as long. Every runtime has a process of its own.
They take turns at each batch size, and the table holds the median time of a call. torch's eager
mode takes part if the extra `[parity]` is installed.
"""

import contextlib
import dataclasses
import importlib.util
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.machine import machine
from keras_vit.command_line import describe, run_recipe
from keras_vit.evaluation.process import Worker
from keras_vit.evaluation.timing import time_in_turns
from keras_vit.export import FORMATS, export, save_keras
from keras_vit.models import vit
from keras_vit.tasks import classifier

BASE = "tflite"  # the ratios are relative to it


@dataclasses.dataclass(frozen=True)
class Config:
    """The flags of the benchmark."""

    model: str = "Ti/16"
    """Size and patch of the model."""
    image_size: int = 224
    """Side of the images in pixels."""
    formats: tuple[str, ...] = (
        "savedmodel",
        "tflite",
        "tflite-float16",
        "tflite-int8",
        "onnx",
        "openvino",
    )
    """Formats to export to, `tflite` among them; those without a runtime are left out."""
    batches: tuple[int, ...] = (1, 16)
    """Images per call."""
    threads: tuple[int, ...] = (1, 2)
    """Numbers of threads that compute."""
    out: str = str(Path(__file__).with_suffix(".txt"))
    """File that the table is also written to."""


def run(config):
    """Measures all runtimes, then prints and writes the table; `config` is a `Config`."""
    model = classifier(vit(config.model, image_size=config.image_size), 1000)
    with tempfile.TemporaryDirectory() as folder:
        chosen = [name for name in config.formats if FORMATS[name].is_at_hand]
        save_keras(model, Path(folder, "model.keras"))
        shape = (16, *model.input_shape[1:])
        images = np.random.default_rng(0).integers(0, 256, shape, dtype="uint8")
        paths = export(model, Path(folder, "exported"), to=chosen, calibration=images)
        places = {"keras": Path(folder, "model.keras"), **dict(zip(chosen, paths, strict=True))}
        modules = dict.fromkeys(places, "keras_vit.evaluation.worker")
        is_timms = (config.model, config.image_size) == ("Ti/16", 224)
        if importlib.util.find_spec("torch") and is_timms:
            places["torch"], modules["torch"] = "vit_tiny_patch16_224", "benchmarks.torch_rival"
        times, runtimes = {name: {} for name in places}, {}
        for threads in config.threads:
            with contextlib.ExitStack() as stack:
                workers = [
                    stack.enter_context(Worker(place, threads, module=modules[name]))
                    for name, place in places.items()
                ]
                measured = time_in_turns(workers, config.batches, rounds=6)
                for name, worker, by_batch in zip(places, workers, measured, strict=True):
                    runtimes[name] = worker.runtime
                    for batch, time in by_batch.items():
                        times[name][f"{threads} threads, batch {batch}"] = time
    with open(config.out, "w", encoding="utf-8") as file:
        for console in (Console(), Console(file=file, width=150)):
            console.print(_table(times, runtimes))
            console.print(
                f"ratio: time relative to {BASE}'s; {describe(config, 'out')}", highlight=False
            )
            console.print(f"{machine()}\npython -m benchmarks.runtimes", highlight=False)


def _table(times, runtimes):
    table = Table("format", box=None)
    for setting in times[BASE]:
        table.add_column(setting, justify="right")
    table.add_column("runtime")
    for name, by_setting in times.items():
        cells = [
            f"{time:.1f} ms, {time / times[BASE][setting]:.2f}"
            for setting, time in by_setting.items()
        ]
        table.add_row(name, *cells, runtimes[name])
    return table


if __name__ == "__main__":
    run_recipe(run, Config, __doc__)
