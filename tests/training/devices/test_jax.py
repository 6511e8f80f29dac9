"""The same training on the JAX backend, whose stock trainer is used."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = Path(__file__).parents[1] / "jax_program.py"


def run(folder, *arguments, devices=1):
    flags = f"--xla_force_host_platform_device_count={devices}"
    subprocess.run(
        [sys.executable, PROGRAM, folder, *map(str, arguments)],
        env={**os.environ, "KERAS_BACKEND": "jax", "XLA_FLAGS": flags},
        check=True,
        capture_output=True,
    )
    result = Path(folder, "result.json")
    return json.loads(result.read_text()) if result.exists() else None


@pytest.mark.slow
def test_two_devices_are_one(tmp_path):
    one, two = run(tmp_path / "one"), run(tmp_path / "two", devices=2)
    assert (one["devices"], two["devices"]) == (1, 2)
    for left, right in zip(one["weights"], two["weights"], strict=True):
        np.testing.assert_allclose(left, right, atol=1e-5)
    np.testing.assert_allclose(one["history"]["loss"], two["history"]["loss"], atol=1e-5)


@pytest.mark.slow
def test_a_stopped_run_goes_on_bit_for_bit(tmp_path):
    """Zero stops nowhere; dropout draws all the while."""
    whole = run(tmp_path / "whole", 0, devices=2)
    assert run(tmp_path / "run", 8, devices=2) is None
    again = run(tmp_path / "run", 0, devices=2)
    assert again["start"] == 6
    assert again["weights"] == whole["weights"]
    assert again["history"] == whole["history"]
