"""What a training tells its report."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from keras_vit.data import from_arrays
from keras_vit.run import Training
from keras_vit.run.report import training_parts


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Training):
    epochs: int = 4
    batch_size: int = 2
    learning_rate: float = 0.5
    weight_decay: float = 0.0
    warmup_epochs: int = 2
    schedule: str = "linear"
    validation_epochs: int = 2
    run_dir: str = "run"
    export_dir: str = "exports"


BEST = {"epoch": 2, "figure": 0.75, "loss": 3.5}


def parts(splits, **rest):
    images, labels = np.zeros((6, 2, 2, 1), "uint8"), np.array([0, 1, 1, 0, 1, 1])
    both = from_arrays((images, labels), (images[:2], labels[:2]), class_names=("a", "b"))
    source = dataclasses.replace(
        both, splits={name: both.splits[at] for name, at in splits.items()}
    )
    history = {"loss": [4.0, 3.0, 2.0, 1.0], "val_loss": [3.5, 2.5]}
    fitted = SimpleNamespace(epoch=[0, 1, 2, 3], history=history)
    devices = tf.distribute.OneDeviceStrategy("CPU:0")
    sheet = images[:2], ["a", "b"]
    given = dict(sheet=sheet, lengths=[[0, 4]]) | rest
    return training_parts(Config(), source, fitted, devices, **given)


def test_curves_are_those_of_all_epochs_with_the_rate_of_their_last_steps():
    found = parts({"train": "train", "val": "test", "test": "test"}, best=BEST)
    curves = found["curves"]
    assert curves.values["loss"] == ([1, 2, 3, 4], [4.0, 3.0, 2.0, 1.0])
    assert curves.values["val_loss"] == ([2, 4], [3.5, 2.5])
    # Of twelve steps, six rise: after them the rate falls to zero.
    expected = 0.5 * np.array([2 / 6, 5 / 6, 4 / 6, 1 / 6])
    np.testing.assert_allclose(curves.learning_rate, expected, rtol=1e-6)
    assert (curves.kept, curves.validated_on) == (2, "val")
    assert "epoch 2 were kept" in found["notes"][0] and found["device"] == "1 CPU"
    assert found["baselines"] == {"this model": {"val": 0.75}}
    assert found["pictures"] == {"train": 6, "val": 2, "test": 2}
    assert found["per_class"]["train"].tolist() == [2, 4]


def test_a_test_split_that_was_watched_is_named():
    found = parts({"train": "train", "test": "test"})
    assert found["curves"].validated_on == "test"
    assert found["notes"] == [
        "The pictures of test were watched in training; nothing was chosen by them."
    ]


def test_a_run_that_was_extended_had_two_schedules():
    found = parts({"train": "train", "test": "test"}, lengths=[[0, 3], [3, 4]])
    # Of nine steps, six rise and three fall; the last three steps are of a run of twelve.
    expected = 0.5 * np.array([2 / 6, 5 / 6, 1 / 3, 1 / 6])
    np.testing.assert_allclose(found["curves"].learning_rate, expected, rtol=1e-6)
