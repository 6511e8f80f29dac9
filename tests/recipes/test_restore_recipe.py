"""The recipe of super-resolution, on noise that is smooth."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import recipes.restore
from keras_vit.errors import UserError
from keras_vit.inference import open_artefact


@pytest.fixture
def places(tmp_path):
    rng, folder = np.random.default_rng(0), tmp_path / "photos"
    folder.mkdir()
    for index in range(16):
        small = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype="uint8"))
        small.resize((60 + index, 50), Image.Resampling.BICUBIC).save(folder / f"{index}.png")
    return dict(
        data=str(folder),
        test_fraction=0.3,
        run_dir=str(tmp_path / "run"),
        export_dir=str(tmp_path / "exports"),
        xla="off",
    )


def test_flags_out_of_range_are_one_sentence(places):
    for changes, message in (
        (dict(scale=1), "`scale` must be an integer from 2: received scale=1"),
        (dict(data=""), "`data` must be given"),
    ):
        with pytest.raises(UserError, match=message):
            dataclasses.replace(recipes.restore.SMOKE[0], **(places | changes)).check()


@pytest.mark.slow
@pytest.mark.parametrize("config", recipes.restore.SMOKE, ids=lambda config: f"x{config.scale}")
def test_super_resolution_trains_watches_exports_and_compares(config, places, tmp_path, capsys):
    rows = recipes.restore.run(dataclasses.replace(config, **places))
    assert [Path(row.artefact).name for row in rows] == ["best.keras", "1", "1.tflite"]
    assert all(row.difference < 1e-4 for row in rows)
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["test_psnr"] == pytest.approx(rows[0].figures["psnr"])
    out = capsys.readouterr().out
    assert "Test psnr: " in out and "val_psnr_rgb" in out
    for row in rows:
        artefact = open_artefact(Path(row.artefact))
        assert artefact.task == "super_resolution" and artefact.options == {"scale": 2}
        assert artefact.image_shape == (16, 16, 3) and artefact.preprocessing.fit == "keep"
    assert (tmp_path / "run" / "report.html").exists()
