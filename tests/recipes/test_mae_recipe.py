"""The recipe of masked autoencoders, on digits, and what takes its backbone."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import keras_vit
import recipes.mae
from keras_vit.checkpoints import recognise
from keras_vit.errors import UserError
from keras_vit.inference import open_artefact


@pytest.fixture
def places(tmp_path):
    return dict(run_dir=str(tmp_path / "run"), export_dir=str(tmp_path / "exports"), xla="off")


@pytest.mark.parametrize(
    "wrong, message",
    [
        (dict(masked=1.0), r"`masked` must lie in \(0, 1\): received masked=1.0"),
        (dict(mixup=0.5), "without labels takes no `mixup`: received mixup=0.5"),
    ],
)
def test_flags_that_do_not_fit_are_one_sentence(places, wrong, message):
    with pytest.raises(UserError, match=message):
        dataclasses.replace(recipes.mae.SMOKE[0], **places | wrong).check()


@pytest.mark.slow
@pytest.mark.parametrize("config", recipes.mae.SMOKE)
def test_a_backbone_is_trained_without_labels(config, places, tmp_path, capsys):
    rows = recipes.mae.run(dataclasses.replace(config, **places))
    exports = ["best.keras", "1", "1.tflite"] if config.export else []
    assert [Path(row.artefact).name for row in rows] == exports
    assert all(row.difference < 1e-3 for row in rows)
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    for row in rows:
        assert results["test_psnr"] == pytest.approx(row.figures["psnr"], rel=1e-3)
    assert open_artefact(tmp_path / "run" / "best.keras").task == "reconstruction"
    assert "backbone.keras" in capsys.readouterr().out
    backbone = tmp_path / "run" / "backbone.keras"
    images = np.zeros((2, 8, 8, 1), "uint8")
    assert keras_vit.load(backbone)(images).shape == (2, 16)
    tuned = keras_vit.load(recognise(str(backbone)), num_classes=3, image_size=16)
    assert tuned(np.zeros((2, 16, 16, 1), "uint8")).shape == (2, 3)
