"""Time of `keras-vit export`: writing and comparing, of ViT-Ti/16 at 224 pixels, on 153 pictures.

    python -m benchmarks.exporting --weights vit_tiny_patch16_224.augreg_in21k_ft_in1k.safetensors

Wall time is that of the whole command, with its imports. CPU time is that of all its processes, and
says more on a machine that others use too. Without `--weights` the weights are random, and without
`--pictures`, a folder of picture files, so are the pictures.
"""

import csv
import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from benchmarks.machine import machine
from benchmarks.pictures import write_jpegs
from keras_vit.command_line import describe, run_recipe

ALL = (
    "savedmodel,tflite,tflite-float16,tflite-int8,tflite-int8-dense,tflite-int8-full,"
    "tflite-int16,tflite-int4,onnx,openvino"
)
COMMAND = "import sys; from keras_vit.cli.main import main; sys.argv[0] = 'keras-vit'; main()"
TICK = 0.25  # seconds between two looks at the processes


@dataclasses.dataclass(frozen=True)
class Config:
    """The flags of the benchmark."""

    weights: str = ""
    """A checkpoint of ViT-Ti/16 with 1,000 classes, as keras-vit export takes it."""
    pictures: str = ""
    """Folder of at least 200 pictures."""
    to: tuple[str, ...] = ("savedmodel,tflite", ALL)
    """Formats of each run, separated by commas."""
    images: int = 153
    """Pictures that the exports are compared on."""
    calibration: int = 47
    """Pictures that calibrate the integer formats."""
    out: str = str(Path(__file__).with_suffix(".txt"))
    """File that the figures are also written to."""


def run(config):
    """Measures each choice of formats, then prints and writes the figures."""
    with tempfile.TemporaryDirectory() as folder:
        weights = config.weights or _random_weights(Path(folder, "model.keras"))
        table = _table(Path(folder), config)
        lines = ["formats  wall, s  CPU, s  status"]
        for to in config.to:
            words = ["export", weights, "--data", str(table), "--to", to]
            words += ["--images", str(config.images), "--calibration", str(config.calibration)]
            wall, cpu, status = measured([*words, "--out", str(Path(folder, "exported"))])
            lines.append(f"{to.count(',') + 1:7}  {wall:7.1f}  {cpu:6.1f}  {status:6}")
    lines += [describe(config, "out", "weights", "pictures"), machine()]
    lines.append("python -m benchmarks.exporting")
    Path(config.out).write_text("\n".join(lines) + "\n", encoding="utf-8")
    Console().print("\n".join(lines), highlight=False)


def measured(words):
    """Runs `keras-vit` with `words`; returns seconds of wall and of CPU time, and its status."""
    start, cpu = time.perf_counter(), {}
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, *words],
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        while process.poll() is None:
            cpu |= _seconds_of_session(process.pid)
            time.sleep(TICK)
        if process.returncode == 2:
            said.seek(0)
            raise RuntimeError(said.read())
    return time.perf_counter() - start, sum(cpu.values()), process.returncode


def _seconds_of_session(session):
    """Returns the CPU seconds of each process of a session, by its number."""
    found = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_text().rpartition(") ")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[3]) == session:
            ticks = int(fields[11]) + int(fields[12])
            found[place.parent.name] = ticks / os.sysconf("SC_CLK_TCK")
    return found


def _random_weights(path):
    from keras_vit.export import save_keras
    from keras_vit.models import vit
    from keras_vit.tasks import classifier

    save_keras(classifier(vit("Ti/16", image_size=224), 1000), path)
    return str(path)


def _table(folder, config):
    """Writes a table of pictures: those that judge, and those that calibrate."""
    count = config.images + config.calibration
    if not config.pictures:
        write_jpegs(folder, count)
    places = Path(config.pictures or folder).rglob("*.jpg")
    paths = sorted(path.resolve() for path in places)[:count]
    with open(folder / "pictures.csv", "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "label", "split"])
        for number, path in enumerate(paths):
            rows.writerow([path, number, "test" if number < config.images else "train"])
    return folder / "pictures.csv"


if __name__ == "__main__":
    run_recipe(run, Config, __doc__)
