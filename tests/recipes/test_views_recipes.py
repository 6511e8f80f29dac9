"""The recipes that train by views, on digits, and what takes their backbones."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import keras_vit
import recipes.dino
import recipes.lejepa
from keras_vit.checkpoints import recognise
from keras_vit.errors import UserError
from keras_vit.inference import open_artefact
from keras_vit.tasks import read_keras_file

SMOKES = [*recipes.lejepa.SMOKE, *recipes.dino.SMOKE]


@pytest.fixture
def places(tmp_path):
    return dict(run_dir=str(tmp_path / "run"), export_dir=str(tmp_path / "exports"), xla="off")


@pytest.mark.parametrize(
    "recipe, wrong, message",
    [
        ("lejepa", dict(share=2.0), r"`share` must lie in \[0, 1\]: received share=2.0"),
        ("lejepa", dict(together=1), r"`together` must lie in \[2, inf\): received together=1"),
        ("lejepa", dict(together=64), "a multiple of `together`: received.*together=64"),
        ("lejepa", dict(mixup=0.5), "without labels takes no `mixup`: received mixup=0.5"),
        ("lejepa", dict(erasing=0.5), "without `erasing`: received erasing=0.5"),
        ("lejepa", dict(area=(0.5, 0.2)), "`area` must rise within"),
        ("lejepa", dict(small_size=9), "Small views must have a side"),
        ("dino", dict(momentum=1.5), r"`momentum` must lie in \[0, 1\]"),
        ("dino", dict(accumulation=2), "micro-batches: received accumulation=2"),
        ("dino", dict(ema=0.9), "an average already: received ema=0.9"),
    ],
)
def test_flags_that_do_not_fit_are_one_sentence(recipe, wrong, message):
    with pytest.raises(UserError, match=message):
        dataclasses.replace(getattr(recipes, recipe).SMOKE[0], **wrong).check()


def test_presets_fit_together():
    for recipe in (recipes.lejepa, recipes.dino):
        for preset in recipe.PRESETS.values():
            preset(data="digits").check()
        stem = dict(stem="resnet", stem_blocks=(1,), locality=True)
        encoder = recipe.PRESETS["small"](data="digits", **stem).encoder(3)
        assert {name: getattr(encoder, name) for name in stem} == stem


@pytest.mark.parametrize("epochs, first, start", [(0, 0.07, 1.0), (1, 0.04, 0.0)])
def test_the_first_step_of_dino_has_the_schedules_first_values(epochs, first, start, monkeypatch):
    built = []
    monkeypatch.setattr(
        "keras_vit.run.views.run_views",
        lambda config, build, *rest, **how: built.append(
            build(config.encoder(1), config.sheet(), {})
        ),
    )
    how = dict(temperature=0.07, temperature_epochs=epochs, frozen_epochs=epochs)
    recipes.dino.run(dataclasses.replace(recipes.dino.SMOKE[0], **how))
    (model,) = built
    assert float(model.get_layer("sharpen").temperature) == pytest.approx(first)
    assert float(model.get_layer("prototypes").open) == start


@pytest.mark.slow
@pytest.mark.parametrize("config", SMOKES, ids=["lejepa", "dino"])
def test_a_backbone_is_trained_by_views(config, places, tmp_path, capsys):
    recipe = recipes.dino if isinstance(config, recipes.dino.Config) else recipes.lejepa
    rows = recipe.run(dataclasses.replace(config, **places))
    said, run = capsys.readouterr().out, tmp_path / "run"
    assert "backbone.keras" in said and "effective_rank: " in said
    results = json.loads((run / "results.json").read_text())
    assert 1 <= results["test_effective_rank"] <= 16
    if config.export:
        assert [Path(row.artefact).name for row in rows] == ["best.keras", "1", "1.tflite"]
        assert all(row.difference < 1e-3 for row in rows)
        assert open_artefact(Path(rows[1].artefact)).task == "embedding"
        assert all(row.figures["cosine"] > 0.999 for row in rows)
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1)).astype("uint8")
    backbone = keras_vit.load(run / "backbone.keras")
    saved = next(path for path in (run / "best.keras", run / "last.keras") if path.exists())
    features = read_keras_file(saved)(images)["features"]
    np.testing.assert_allclose(backbone(images), features, atol=1e-5)
    tuned = keras_vit.load(recognise(str(run / "backbone.keras")), num_classes=3, image_size=16)
    assert tuned(np.zeros((2, 16, 16, 1), "uint8")).shape == (2, 3)
