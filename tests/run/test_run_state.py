"""What a run that goes on compares with its checkpoint."""

import dataclasses
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_vit.data import from_folder
from keras_vit.run import Training
from keras_vit.run.run_state import open_checkpoints
from keras_vit.training.resume.files import CheckpointFolder


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Training):
    data: str
    epochs: int = 3
    batch_size: int = 2
    learning_rate: float = 0.1
    weight_decay: float = 0.0
    warmup_epochs: int = 0
    export_dir: str = "exports"
    flip: bool = True


@pytest.fixture
def folder(tmp_path):
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            place = tmp_path / "set" / split / name
            place.mkdir(parents=True)
            Image.new("L", (2, 2)).save(place / "0.png")
    return tmp_path / "set"


@pytest.fixture
def config(tmp_path, folder):
    return Config(data=str(folder), run_dir=str(tmp_path / "run"))


def open_run(config):
    devices = tf.distribute.OneDeviceStrategy("CPU:0")
    return open_checkpoints(config, from_folder(config.data), 1, devices)


def save(config, **changes):
    """Leaves a checkpoint of a run behind."""
    checkpoints = open_run(config)
    notes = {**checkpoints.notes, "jit_compile": False, "step": 1, **changes}
    notes = {name: value for name, value in notes.items() if value is not None}
    checkpoints.folder.mkdir(parents=True, exist_ok=True)
    CheckpointFolder(checkpoints.folder, keep=2).write(1, {"weight": np.zeros(1)}, notes)
    return checkpoints.notes


def test_a_run_goes_on_as_it_began(config):
    notes = save(config)
    assert open_run(config).notes == {**notes, "jit_compile": False}


def test_a_run_goes_on_where_its_folder_was_moved(config, folder):
    save(config)
    moved = shutil.move(folder, folder.parent / "elsewhere")
    open_run(dataclasses.replace(config, data=str(moved)))


def test_a_class_that_was_renamed_is_refused(config, folder):
    save(config)
    for split in ("train", "test"):
        (folder / split / "cat").rename(folder / split / "puma")
    with pytest.raises(ValueError, match="run: class 'cat' is gone and 'puma' is new. Restore"):
        open_run(config)
    open_run(dataclasses.replace(config, resume=False))


def test_a_picture_that_came_is_refused(config, folder):
    save(config)
    shutil.copy(folder / "train" / "cat" / "0.png", folder / "train" / "cat" / "1.png")
    with pytest.raises(ValueError, match="its split train holds 3 and held 2"):
        open_run(config)


def test_other_data_is_refused_and_not_only_another_name(config, folder):
    save(config)
    other = folder.parent / "other"
    shutil.copytree(folder, other)
    (other / "test" / "dog" / "0.png").rename(other / "test" / "dog" / "9.png")
    with pytest.raises(ValueError, match="its split test holds as many examples, but others"):
        open_run(dataclasses.replace(config, data=str(other)))


def test_a_checkpoint_that_records_no_data_goes_on_with_a_notice(config, folder, capsys):
    save(config, data=None)
    notes = open_run(config).notes
    assert "does not record the data" in capsys.readouterr().out
    assert notes["data"]["classes"] == ["cat", "dog"]  # the next checkpoint records it
    moved = shutil.move(folder, folder.parent / "elsewhere")
    with pytest.raises(ValueError, match="data="):  # nothing else tells whether it is the same
        open_run(dataclasses.replace(config, data=str(moved)))


def test_another_flag_is_refused(config):
    save(config)
    with pytest.raises(ValueError, match="seed=0 is in the checkpoint of .* received seed=1"):
        open_run(dataclasses.replace(config, seed=1))


def test_a_flag_that_the_checkpoint_does_not_know_had_its_default(config):
    flags = dataclasses.asdict(config)
    del flags["flip"]
    save(config, flags=flags)
    open_run(config)
    with pytest.raises(ValueError, match="flip=True is in the checkpoint .* received flip=False"):
        open_run(dataclasses.replace(config, flip=False))


def test_there_must_be_something_to_go_on_with(config):
    with pytest.raises(ValueError, match="There is no checkpoint to go on with"):
        open_run(dataclasses.replace(config, resume=True))
