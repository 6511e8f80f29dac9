"""Commands that train on any source: its names of folders, its channels, its flag's two names."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from keras_vit.cli.main import app
from keras_vit.run import finetune, from_scratch, training

TINY = dict(image_size=16, patch_size=8, width=16, depth=1, num_heads=2)


@pytest.fixture
def pictures(tmp_path):
    for index in range(4):
        folder = tmp_path / "my pictures" / ("train" if index < 2 else "test") / "ab"[index % 2]
        folder.mkdir(parents=True)
        Image.new("RGB", (20, 30), (index, 0, 0)).save(folder / "1.png")
    return tmp_path / "my pictures"


@pytest.mark.parametrize("text", ["my pictures", "my pictures/", "./my pictures", "folder:{}/"])
def test_a_run_has_the_name_of_its_source(text, pictures, monkeypatch):
    monkeypatch.chdir(pictures.parent)
    config, _ = from_scratch.Config(data=text.format(pictures)).opened()
    assert (config.run_dir, config.export_dir) == ("runs/my pictures", "saved_models/my pictures")
    config, _ = dataclasses.replace(config, run_dir="here").opened()
    assert config.run_dir == "here"


@pytest.mark.parametrize("flag", ["--data", "--source"])
def test_the_flag_of_the_data_has_two_names(flag):
    _, arguments, _ = app.parse_args(["finetune", flag, "digits", "--weights", "w.keras"])
    assert arguments.kwargs["config"] == finetune.Config(data="digits", weights="w.keras")


def test_training_takes_images_of_one_channel_in_memory(monkeypatch):
    seen = {}
    monkeypatch.setattr(training, "train", lambda config, **more: seen.update(more, config=config))
    from_scratch.run(from_scratch.Config(data="digits", **TINY))
    source, build = seen["source"], seen["build"]
    assert seen["config"].run_dir == "runs/digits" and "crop" not in seen
    split = source.splits["train"]
    assert split.image_shape == (16, 16, 1)
    images = seen["augment"](split.read(np.arange(3))["image"], np.arange(3, dtype="uint64"))
    assert build(source.class_names)(images).shape == (3, 10)


def test_training_crops_pictures(pictures, monkeypatch):
    seen = {}
    monkeypatch.setattr(training, "train", lambda config, **more: seen.update(more, config=config))
    from_scratch.run(from_scratch.Config(data=str(pictures), **TINY))
    assert seen["crop"].keywords["size"] == seen["preprocessing"].image_size[0] == 16
    assert seen["build"]("ab").input_shape == (None, 16, 16, 3)
