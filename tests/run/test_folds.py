import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from keras_vit.data import from_arrays, hold_out
from keras_vit.run.finetune import Config
from keras_vit.run.folds import cross_validate
from keras_vit.tasks import classification


@pytest.fixture
def source():
    images = np.arange(22, dtype="uint8")[:, None, None, None] * np.ones((1, 2, 2, 1), "uint8")
    labels = np.arange(22) % 2
    return from_arrays((images, labels), (images[:2], labels[:2]))


def seen(split):
    return sorted(int(sample()["image"].max()) for sample in split.each())


def test_every_picture_is_left_out_once_and_the_last_run_has_all(source, tmp_path, capsys):
    runs = []

    def run(config, *, source):
        runs.append((config, {name: seen(split) for name, split in source.splits.items()}))
        Path(config.run_dir).mkdir(parents=True, exist_ok=True)
        results = {"test_accuracy": 0.5 + len(runs) / 10, "test_top_5": 1.0}
        Path(config.run_dir, "results.json").write_text(json.dumps(results))
        return len(runs)

    config = Config(data="x", weights="x", folds=3, epochs=4, run_dir=str(tmp_path))
    assert cross_validate(config, source, classification("ab"), run) == 4
    *folds, (last, splits) = runs
    parts = [split["test"] for _, split in folds]
    assert sorted(sum(parts, [])) == list(range(22))
    for (flags, split), part in zip(folds, parts, strict=True):
        assert sorted(split["train"] + part) == list(range(22)) and not flags.export
        assert abs(sum(number % 2 for number in part) - len(part) / 2) <= 1  # stratified
    assert [Path(flags.run_dir).name for flags, _ in folds] == ["fold-1", "fold-2", "fold-3"]
    assert splits["train"] == list(range(22)) and splits["test"] == [0, 1]
    # The test split is not watched, whatever the run is extended to.
    assert last.export and last.validation_epochs > 1e6 and last.picture_epochs == 0
    assert Path(last.run_dir).name == "all"
    assert all(flags.val_fraction == 0 and flags.folds == 0 for flags, _ in runs)
    out = capsys.readouterr().out
    assert "accuracy 60.00%, 70.00%, 80.00%; mean 70.00%, standard deviation 10.00%" in out


def test_without_folds_there_is_one_run(source):
    config = Config(data="x", weights="x")
    run = lambda config, *, source: (config, source)  # noqa: E731
    assert cross_validate(config, source, None, run) == (config, source)


def test_what_cannot_be_divided_is_refused(source):
    config = Config(data="x", weights="x", folds=23)
    for changed, given, message in (
        (config, source, "between 2 and the 22 training examples: received folds=23"),
        (dataclasses.replace(config, folds=1), source, "received folds=1"),
        (config, hold_out(source), "without a validation split, which arrays has"),
        (dataclasses.replace(config, workers="a:1,b:2"), source, "is for one worker"),
    ):
        with pytest.raises(ValueError, match=message):
            cross_validate(changed, given, None, None)
