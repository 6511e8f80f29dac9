"""Nothing but POSIX signals ties the package to one system: no module needs `fcntl`."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


PROGRAM = """
import importlib, pkgutil, sys

sys.modules["fcntl"] = None  # an import of it raises, as on Windows

import keras_vit

failed = {}
for module in pkgutil.walk_packages(keras_vit.__path__, "keras_vit."):
    try:
        importlib.import_module(module.name)
    except ImportError as error:
        failed[module.name] = error
print(failed)
sys.exit(bool(failed))
"""


@pytest.mark.slow
def test_every_module_can_be_imported_without_fcntl():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
