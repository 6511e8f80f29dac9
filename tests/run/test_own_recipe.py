"""A recipe of one's own, outside the repository, with nothing but the installed package."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from forked import Program

ROOT = str(Path(__file__).parents[2])
RECIPE = '''
"""Bright or dark.

    python brightness.py --epochs 2
"""

import dataclasses

import numpy as np

from keras_vit.data import from_arrays
from keras_vit.models import vit
from keras_vit.run import Augmentation, open_devices, run_recipe, train
from keras_vit.tasks import classification, classifier


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Augmentation):
    """Each field is a flag."""

    epochs: int = 2
    batch_size: int = 8
    learning_rate: float = 1e-2
    weight_decay: float = 0.0
    warmup_epochs: int = 0
    xla: str = "off"
    level: int = 200
    """How bright the bright ones are."""
    run_dir: str = "my runs/one"
    export_dir: str = "my models/brightness"


def pictures(level, count):
    labels = np.arange(count) % 2
    return np.tile((level * labels).astype("uint8")[:, None, None, None], (1, 8, 8, 3)), labels


def run(config):
    devices = open_devices(config)
    source = from_arrays(
        pictures(config.level, 32),
        pictures(config.level, 12),
        class_names=["dark", "bright"],
        name="brightness",
    )

    def build(names):
        return classifier(vit("mu/4", image_size=8), len(names), class_names=names)

    return train(
        config,
        devices,
        source,
        build,
        task=classification(source.class_names),
        augment=config.stages(*config.flips),
        bigger=["python", "brightness.py", "--run-dir", config.run_dir],
    )


if __name__ == "__main__":
    run_recipe(run, Config, __doc__)
'''


@pytest.fixture
def recipe(tmp_path):
    (tmp_path / "brightness.py").write_text(RECIPE)

    environment = {**os.environ, "PYTHONPATH": ROOT, "COLUMNS": "80"}

    def recipe(*words):
        if words == ("--help",):  # a process that knows nothing of the tests: all else are forks
            command = [sys.executable, "brightness.py", *words]
            how = dict(capture_output=True, text=True)
            return subprocess.run(command, cwd=tmp_path, env=environment, **how)
        return Program("brightness.py", *words, cwd=tmp_path, environment=environment).wait()

    return recipe


@pytest.mark.slow
def test_its_fields_are_flags_and_a_mistake_is_one_line(recipe):
    done = recipe("--help")
    assert done.returncode == 0 and "Usage: python brightness.py" in done.stdout
    for text in ("--level", "How bright the bright ones are.", "--no-flip", "--batch-size"):
        assert text in done.stdout
    done = recipe("--batch-size", "64")
    assert done.returncode == 2
    assert done.stderr.rpartition("\n")[0].splitlines()[-1] == (
        "python brightness.py: `batch_size` must be at most the 28 training examples: "
        "received batch_size=64."
    )


@pytest.mark.slow
def test_it_trains_and_names_commands_that_a_shell_takes(recipe, tmp_path):
    done = recipe()
    assert done.returncode == 0, done.stderr
    assert "\r" not in done.stdout
    assert done.stdout.count("val_loss") == 2  # a line for each epoch
    results = json.loads((tmp_path / "my runs" / "one" / "results.json").read_text())
    assert results["test_images"] == 12 and len(results["artefacts"]) == 3
    assert "tensorboard --logdir 'my runs/one/logs'" in done.stdout
    assert "keras-vit predict 'my models/brightness/1.tflite' 'my runs/one/samples'/*.png" in (
        done.stdout
    )
    assert "python brightness.py --run-dir 'my runs/one'" in done.stdout
    names = sorted(path.name for path in (tmp_path / "my runs" / "one" / "samples").iterdir())
    assert len(names) == 10 and names[:2] == ["0-is-dark.png", "1-is-bright.png"]
