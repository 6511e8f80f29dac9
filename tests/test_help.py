"""`--help` of every command and recipe loads nothing heavy; flags know the real choices."""

import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import recipes
from keras_vit.choices import OPTIMIZERS
from keras_vit.run import compiled

ROOT = Path(recipes.__file__).parents[1]
SCRIPT = """
import contextlib, importlib, runpy, sys
from keras_vit.cli.main import app

app(["finetune", "--help"])
pages = sys.argv[1:]
sys.argv = ["recipes.cifar10", "--help"]
with contextlib.suppress(SystemExit):
    runpy.run_module("recipes.cifar10", run_name="__main__", alter_sys=True)
for name in pages:
    importlib.import_module(name)
print({"keras", "matplotlib", "scipy", "sklearn", "tensorboard", "tensorflow"} & {*sys.modules})
"""


def test_help_loads_nothing_heavy():
    pages = [f"recipes.{module.name}" for module in pkgutil.iter_modules(recipes.__path__)]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *pages],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), **os.environ},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Usage: ") == 2
    assert done.stdout.splitlines()[-1] == "set()"


def test_flags_choose_from_all_optimizers():
    assert tuple(compiled.OPTIMIZERS) == OPTIMIZERS
