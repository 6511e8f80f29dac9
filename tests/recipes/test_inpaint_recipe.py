"""The recipe of inpainting, on noise that is smooth."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import recipes.inpaint
from keras_vit.errors import UserError
from keras_vit.inference import open_artefact
from keras_vit.models import ViTConfig, vit
from keras_vit.tasks import classifier


@pytest.fixture
def places(tmp_path):
    rng, folder = np.random.default_rng(0), tmp_path / "photos"
    for index in range(20):
        path = folder / f"class{index % 2}" / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype="uint8"))
        small.resize((30 + index, 24), Image.Resampling.BICUBIC).save(path)
    return dict(
        data=str(folder),
        test_fraction=0.3,
        run_dir=str(tmp_path / "run"),
        export_dir=str(tmp_path / "exports"),
        xla="off",
    )


def test_flags_out_of_range_are_one_sentence(places):
    for changes, message in (
        (dict(kept=0.0), r"`kept` must lie in \(0, 1\]: received kept=0.0"),
        (dict(data=""), "`data` must be given"),
    ):
        with pytest.raises(UserError, match=message):
            dataclasses.replace(recipes.inpaint.SMOKE[0], **(places | changes)).check()


def test_the_share_of_the_test_split_is_that_of_the_flag(places):
    counts = []
    for share in (0.3, 0.8):
        how = places | {"test_fraction": share}
        splits = dataclasses.replace(recipes.inpaint.SMOKE[0], **how).opened().splits
        counts.append(splits["test"].count)
        assert splits["train"].count + splits["test"].count == 20
    assert counts[0] < 10 < counts[1]


def test_the_encoder_begins_as_a_checkpoint(places, tmp_path):
    shape = ViTConfig(image_size=24, patch_size=4, width=16, depth=2, mlp_dim=32, num_heads=2)
    model = classifier(vit(shape, mean=0.4, std=0.2), 3)
    model.save(tmp_path / "vit.keras")
    config = dataclasses.replace(
        recipes.inpaint.SMOKE[0], **places, weights=str(tmp_path / "vit.keras"), patch_size=None
    )
    shape, pixels, weights = recipes.inpaint._encoder(config)
    assert shape.image_size == (12, 12) and shape.patch_size == 4 and shape.depth == 2
    assert pixels == dict(mean=pytest.approx(0.4), std=pytest.approx(0.2))
    assert set(weights) == {"embed", "block00", "block01", "norm"}
    expected = model.get_layer("block01").get_weights()
    for array, wanted in zip(weights["block01"], expected, strict=True):
        np.testing.assert_array_equal(array, wanted)


@pytest.mark.slow
@pytest.mark.parametrize("config", recipes.inpaint.SMOKE)
def test_inpainting_trains_watches_exports_and_compares(config, places, tmp_path, capsys):
    rows = recipes.inpaint.run(dataclasses.replace(config, **places))
    assert [Path(row.artefact).name for row in rows] == ["best.keras", "1", "1.tflite"]
    assert all(row.difference < 1e-4 for row in rows)
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["test_psnr"] == pytest.approx(rows[0].figures["psnr"])
    out = capsys.readouterr().out
    assert "Test psnr: " in out and "val_psnr_rgb" in out
    for row in rows:
        artefact = open_artefact(Path(row.artefact))
        assert artefact.task == "inpainting" and artefact.image_shape == (12, 12, 4)
    run = tmp_path / "run"
    assert (run / "report.html").exists() and (run / "answers.png").exists()
    samples = [Image.open(path) for path in (run / "samples").iterdir()]
    assert all(sample.mode == "RGBA" and sample.getextrema()[3] == (0, 255) for sample in samples)
