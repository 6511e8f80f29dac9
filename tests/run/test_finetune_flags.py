"""What fine-tuning makes of its flags, without training."""

import dataclasses
import json

import pytest

from keras_vit.export import save_keras
from keras_vit.models import vit
from keras_vit.run import finetune, training
from keras_vit.tasks import classifier


@pytest.fixture
def trained_with(tmp_path, monkeypatch):
    """Runs the command; returns the flags with which it would have trained."""
    weights = tmp_path / "weights.keras"
    save_keras(classifier(vit("mu/4", image_size=8, depth=2), 3), weights)
    seen = {}
    monkeypatch.setattr(training, "train", lambda config, **more: seen.update(config=config))

    def run(**flags):
        places = dict(run_dir=str(tmp_path / "run"), export_dir=str(tmp_path / "exports"))
        finetune.run(finetune.Config(data="digits", weights=str(weights), **places, **flags))
        return seen["config"]

    return run


def test_what_is_not_trained_becomes_a_pattern(trained_with):
    assert trained_with(probe=True).freeze == "^(?!head/)"
    assert trained_with(frozen_blocks=1).freeze == "^(patches|embed|pre_norm|(block|positions)00)/"
    assert trained_with(freeze="^embed/").freeze == "^embed/"


def test_a_longer_run_keeps_what_was_chosen_for_the_shorter_one(trained_with, tmp_path):
    first = trained_with(epochs=8)
    (tmp_path / "run/checkpoints").mkdir(parents=True)
    (tmp_path / "run/settings.json").write_text(json.dumps(dataclasses.asdict(first)))
    assert trained_with(epochs=25).warmup_epochs == 2  # no run can go on
    (tmp_path / "run/checkpoints/step-000000008.npz").touch()
    longer = trained_with(epochs=25)
    assert longer == dataclasses.replace(first, epochs=25)
    assert trained_with(epochs=25, resume=False).warmup_epochs == 2
    assert trained_with(image_size=12).image_size == 12
