"""What the signature `attention` of a SavedModel costs with each method: ViT-Ti/16 at 224 pixels.

    python -m benchmarks.exported_explanations

Each export is loaded in a process of its own, without Keras. Times are CPU time of all threads, and
so hold on a machine that others use too. The first call includes the optimisation of the graph. The
difference is the largest one from the map of the model itself, in shares of its largest number, on
the first image. Weights are random unless a checkpoint is named, images are random.
"""

import dataclasses
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.machine import machine
from keras_vit.checkpoints import load
from keras_vit.command_line import describe, run_recipe
from keras_vit.export.answers import write_endpoints
from keras_vit.export.explanation import NAMES
from keras_vit.export.saved_model import endpoints
from keras_vit.export.servable import servable
from keras_vit.interpret.methods import METHODS
from keras_vit.models import vit
from keras_vit.tasks import classifier

CALLS = """
import json, sys, time
sys.modules["keras"] = sys.modules["keras_vit"] = None
import numpy as np
import tensorflow as tf
path, images, calls = sys.argv[1], np.load(sys.argv[2]).astype("float32"), int(sys.argv[3])
loaded = tf.saved_model.load(path)
def timed(batch):
    start = time.process_time()
    found = loaded.signatures["attention"](images=batch)["attention"].numpy()
    return time.process_time() - start, found
found = {}
for count in map(int, sys.argv[4:]):
    batch = tf.constant(images[:count])
    first, maps = timed(batch)
    found[count] = first, float(np.median([timed(batch)[0] for _ in range(calls)]))
np.save(path + ".npy", maps[:1])
print(json.dumps(found))
"""


@dataclasses.dataclass(frozen=True)
class Config:
    """The flags of the benchmark."""

    weights: str = ""
    """A checkpoint of a classifier, as keras-vit import takes it."""
    model: str = "Ti/16"
    """Size and patch of the model without a checkpoint."""
    image_size: int = 224
    """Side of its images in pixels."""
    methods: tuple[str, ...] = NAMES
    """Methods to export."""
    batches: tuple[int, ...] = (1, 4)
    """Images per call; the last is the largest."""
    calls: int = 2
    """Calls of each batch, after a first one; their median counts."""
    out: str = str(Path(__file__).with_suffix(".txt"))
    """File that the table is also written to."""


def run(config):
    """Measures all methods, then prints and writes the table; `config` is a `Config`."""
    if config.weights:
        model = load(config.weights)
    else:
        model = classifier(vit(config.model, image_size=config.image_size), 1000)
    shape = (config.batches[-1], *model.input_shape[1:])
    images = np.random.default_rng(0).integers(0, 256, shape, dtype="uint8")
    table = Table("method", box=None)
    for heading in ("graph", *(f"{x}, {count}" for count in config.batches for x in HEADINGS)):
        table.add_column(heading, justify="right")
    table.add_column("difference", justify="right")
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder, "images.npy"), images)
        for method in config.methods:
            table.add_row(method, *_measured(model, method, images, Path(folder), config))
    with open(config.out, "w", encoding="utf-8") as file:
        for console in (Console(), Console(file=file, width=130)):
            console.print(table)
            console.print(f"{describe(config, 'out')}\n{machine()}", highlight=False)
            console.print("python -m benchmarks.exported_explanations", highlight=False)


HEADINGS = ("first call", "call")  # with so many images


def _measured(model, method, images, folder, config):
    """Returns the cells of a row."""
    path, copy = folder / method, servable(model)
    write_endpoints(copy, {"attention": endpoints(copy, attention=method)["attention"]}, path)
    words = [path, folder / "images.npy", config.calls, *config.batches]
    command = [sys.executable, "-c", CALLS, *map(str, words)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    wanted = keras.ops.convert_to_numpy(METHODS[method](model, None)(images[:1]))
    difference = np.abs(np.load(f"{path}.npy") - wanted).max() / np.abs(wanted).max()
    return (
        f"{(path / 'saved_model.pb').stat().st_size / 1e6:.1f} MB",
        *(
            text
            for first, call in found.values()
            for text in (f"{first:.1f} s", f"{1000 * call:.0f} ms")
        ),
        f"{difference:.1e}",
    )


if __name__ == "__main__":
    run_recipe(run, Config, __doc__)
