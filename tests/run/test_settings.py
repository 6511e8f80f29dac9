"""What a run says of its settings, and the file that holds all of them."""

import dataclasses
import json

import numpy as np

from keras_vit.data import from_arrays
from keras_vit.run import Training
from keras_vit.run.settings import announce, changed_settings, write_settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Training):
    epochs: int = 150
    batch_size: int = 32
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    warmup_epochs: int = 15
    names: tuple[str, ...] = ("a", "b")
    run_dir: str = "runs/mine"
    export_dir: str = "saved_models/mine"


def announced(config, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    images = np.zeros((2, 8, 8, 1), "uint8"), np.arange(2)
    announce(config, from_arrays(images, images, class_names=["a", "b"], name="mine"))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    return "\n".join(lines).replace("\n  ", " ")


def test_only_what_differs_is_printed_in_80_columns(capsys, monkeypatch):
    text = announced(Config(epochs=2, optimizer="lamb"), capsys, monkeypatch)
    ends = "\nSettings: epochs=2, optimizer=lamb; all are in runs/mine/settings.json."
    assert text.endswith(ends) and "for 2 epochs, save it to runs/mine, export" in text
    text = announced(Config(export=False), capsys, monkeypatch)
    assert "export it to" not in text and "Settings: export=False; all" in text
    text = announced(Config(), capsys, monkeypatch)
    assert "Settings: the defaults; all" in text
    many = Config(seed=7, ema=0.99, beta_2=0.95, clip_norm=0.5, xla="off", precision="bfloat16")
    assert "xla=off" in announced(many, capsys, monkeypatch)


def test_boxes_that_are_left_out_are_said_at_the_beginning(capsys):
    images = {"image": np.zeros((2, 8, 8, 1), "uint8"), "box_labels": np.zeros((2, 1), int)}
    images["boxes"] = np.array([[(0, 0, 8, 8)], [(3, 3, 3, 5)]])
    announce(Config(), from_arrays(images, images, class_names=["a"]))
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("Boxes left out: 2 of 2 pictures (train 1, test 1): 2 without area.") == 1


def test_all_settings_are_in_a_file_and_some_may_be_left_out(tmp_path):
    config = Config(epochs=2, names=("c",), run_dir=str(tmp_path))
    write_settings(config)
    written = json.loads((tmp_path / "settings.json").read_text())
    assert written.keys() == {field.name for field in dataclasses.fields(config)}
    assert written["epochs"] == 2 and written["seed"] == 0 and written["names"] == ["c"]
    changed = {"epochs": 2, "names": ("c",)}
    assert changed_settings(config, left_out={"run_dir"}) == changed
    assert changed_settings(config) == changed | {"run_dir": str(tmp_path)}
