"""The same training on the JAX backend, whose stock trainer is used."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

PROGRAM = Path(__file__).parents[1] / "jax_program.py"


def run(*trainings, devices):
    count = f"--xla_force_host_platform_device_count={devices}"
    flags = f"{os.environ.get('XLA_FLAGS', '')} {count}"
    subprocess.run(
        [sys.executable, PROGRAM, *trainings],
        env={**os.environ, "KERAS_BACKEND": "jax", "XLA_FLAGS": flags},
        check=True,
        capture_output=True,
    )


def read(folder):
    return json.loads((folder / "result.json").read_text())


def losses(folder):
    """The loss of each step that TensorBoard reads."""
    events = EventAccumulator(str(folder / "logs" / "train")).Reload().Scalars("loss")
    assert [event.step for event in events] == list(range(1, 16))
    return [event.value for event in events]


@pytest.mark.slow
def test_two_devices_are_one_and_a_stopped_run_goes_on_bit_for_bit(tmp_path):
    """Where it can stop, if only after no step, dropout draws all the while."""
    run(tmp_path / "one", devices=1)
    trainings = "two", "whole:0", "run:8", "run:0"
    run(*(f"{tmp_path}/{each}" for each in trainings), devices=2)

    one, two = read(tmp_path / "one"), read(tmp_path / "two")
    assert (one["devices"], two["devices"]) == (1, 2)
    for left, right in zip(one["weights"], two["weights"], strict=True):
        np.testing.assert_allclose(left, right, atol=1e-5)
    np.testing.assert_allclose(one["history"]["loss"], two["history"]["loss"], atol=1e-5)

    whole, again = read(tmp_path / "whole"), read(tmp_path / "run")
    assert again["start"] == 6
    assert again["weights"] == whole["weights"]
    assert again["history"] == whole["history"]
    assert losses(tmp_path / "run") == losses(tmp_path / "whole")
