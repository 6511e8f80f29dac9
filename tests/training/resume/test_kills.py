"""Six kills of a recipe.

They have a file of their own: what the tests of another leave for its end would grow old meanwhile,
and an iterator of Keras may wait as long as it has lived to go.
"""

import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).with_name("killed_digits.py")


@pytest.mark.slow
def test_six_kills_of_the_digits_recipe_change_no_bit(tmp_path):
    """Kills at random moments, a quarter of them inside a save; every loss is compared.

    Micro-batches, which hold nothing from one step to the next, are in `test_checkpoints.py`.
    """
    done = subprocess.run([sys.executable, HARNESS, tmp_path, "--kills", "6"])
    assert done.returncode == 0
