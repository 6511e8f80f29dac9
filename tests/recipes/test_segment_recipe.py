"""The recipe of segmentation, on pictures whose bright half is a class."""

import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import recipes.segment
from keras_vit.errors import UserError
from keras_vit.export import save_keras
from keras_vit.models import vit
from keras_vit.tasks import classifier


def make_masks(folder):
    """Writes pictures of two halves, dark and bright, and their masks with a void line."""
    rng = np.random.default_rng(0)
    for name, count in {"train": 12, "val": 4, "test": 6}.items():
        for index in range(count):
            mask = np.zeros((24, 32), "uint8")
            mask[:, rng.integers(8, 24) :] = 1
            pixels = np.where(mask, 220, 30)[..., None] + rng.integers(-20, 20, (24, 32, 3))
            mask[0] = 255
            for part, array in {"images": pixels.astype("uint8"), "masks": mask}.items():
                place = folder / name / part
                place.mkdir(parents=True, exist_ok=True)
                Image.fromarray(array).save(place / f"{index}.png")
    return str(folder)


@pytest.fixture
def places(tmp_path):
    keras.utils.set_random_seed(0)
    save_keras(classifier(vit("mu/8", image_size=16), 3), tmp_path / "weights.keras")
    return dict(
        data=make_masks(tmp_path / "halves"),
        weights=str(tmp_path / "weights.keras"),
        run_dir=str(tmp_path / "run"),
        export_dir=str(tmp_path / "exports"),
    )


def test_an_id_without_a_name_is_one_sentence(places):
    for changes, message in (
        (dict(class_names=("dark",)), r"lie in \[0, 1\) or be the void 255: received 1,"),
        (dict(void=7), "or be the void 7: received 255"),
        (dict(data="digits"), "This recipe needs masks, and the pictures of digits have none"),
    ):
        config = dataclasses.replace(recipes.segment.SMOKE[0], **(places | changes))
        with pytest.raises(UserError, match=message):
            recipes.segment.run(config)


@pytest.mark.slow
@pytest.mark.parametrize("config", recipes.segment.SMOKE, ids=lambda config: config.head)
def test_a_segmentation_trains_watches_exports_and_compares(config, places, tmp_path, capsys):
    config = dataclasses.replace(config, **places, xla="off")
    rows = recipes.segment.run(config)
    assert [Path(row.artefact).name for row in rows] == ["best.keras", "1", "1.tflite"]
    assert all(row.decided < 1e-3 for row in rows)
    assert all(row.agreement > 0.999 and 0 <= row.figures["mean_iou"] <= 1 for row in rows)
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["test_mean_iou"] == rows[0].figures["mean_iou"]
    assert results["test_images"] == 6
    out = capsys.readouterr().out
    assert "Test mean iou: " in out and "val_mean_iou" in out
    assert (tmp_path / "run" / "answers.png").exists()
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert page.count('alt="answer of number ') == 6 and "Intervals of a bootstrap" in page
    assert 'alt="mean iou: training from ' in page and "A training picture" in page
    assert len(list((tmp_path / "run" / "samples").glob("*.png"))) == 6
