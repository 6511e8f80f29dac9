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
import contextlib, runpy, sys
from keras_vit.cli.main import app

HEAVY = {"keras", "matplotlib", "scipy", "sklearn", "tensorboard", "tensorflow"}
for name in [each for each in app if not each.startswith("-")]:
    app([name, "--help"])
    print(name, HEAVY & sys.modules.keys(), file=sys.stderr)
for name in sys.argv[1:]:
    sys.argv = [name, "--help"]
    with contextlib.suppress(SystemExit):
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    print(name, HEAVY & sys.modules.keys(), file=sys.stderr)
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
    lines = done.stderr.splitlines()
    assert all(line.endswith(" set()") for line in lines), done.stderr
    assert {"train", "finetune", *pages} <= {line.split()[0] for line in lines}
    assert done.stdout.count("Usage: ") == len(lines)


def test_flags_choose_from_all_optimizers():
    assert tuple(compiled.OPTIMIZERS) == OPTIMIZERS
