"""The wheel alone: built, installed apart from the repository, it fine-tunes and predicts."""

import os
import site
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from keras_vit.export import save_keras
from keras_vit.models import vit
from keras_vit.tasks import classifier

ROOT = Path(__file__).parents[1]


def succeed(*command, **options):
    """Runs a command that must end well; returns what it prints."""
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, errors="replace", **options
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture
def installed(tmp_path):
    """The folder of the programs of an environment that has the wheel, and sees what we need."""
    succeed(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path, cwd=ROOT)
    (wheel,) = tmp_path.glob("keras_vit-*.whl")
    succeed(sys.executable, "-m", "venv", "--without-pip", tmp_path / "env")
    programs = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin")
    (packages,) = (tmp_path / "env").glob("**/site-packages")
    install = ("install", "--quiet", "--no-index", "--no-deps", wheel)
    succeed(sys.executable, "-m", "pip", "--python", programs / "python", *install)
    # As a plain path: what is installed there as editable, such as the repository, is not found.
    (packages / "theirs.pth").write_text("\n".join(site.getsitepackages()))
    return programs


@pytest.mark.slow
def test_the_wheel_fine_tunes_ten_pictures_and_predicts(installed, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    for index in range(10):
        place = elsewhere / "my pictures" / ("train" if index < 8 else "test") / "ab"[index % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (12, 10), (200 * (index % 2), 0, index)).save(place / f"{index}.png")
    save_keras(classifier(vit("mu/4", image_size=8), 3), elsewhere / "weights.keras")
    how = dict(cwd=elsewhere, env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"})

    place = succeed(installed / "python", "-c", "print(__import__('keras_vit').__file__)", **how)
    assert Path(place.strip()).is_relative_to(tmp_path / "env")
    words = ["--data", "my pictures", "--weights", "weights.keras", "--epochs", 1, "--no-export"]
    words += ["--warmup-epochs", 0, "--image-size", 8, "--batch-size", 4, "--xla", "off"]
    succeed(installed / "keras-vit", "finetune", *words, **how)
    (model,) = (elsewhere / "runs" / "my pictures").glob("best.keras")
    out = succeed(installed / "keras-vit", "predict", model, *elsewhere.rglob("9.png"), **how)
    assert "9.png" in out
