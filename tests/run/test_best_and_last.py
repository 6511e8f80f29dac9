"""Which weights a run keeps, and what it does when it is started again."""

import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_vit.data import from_arrays
from keras_vit.models import vit
from keras_vit.run import Training, open_devices, train, training
from keras_vit.tasks import classification, classifier
from keras_vit.training.resume.files import read_checkpoint


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Training):
    epochs: int = 3
    batch_size: int = 8
    learning_rate: float = 0.02
    weight_decay: float = 0.0
    warmup_epochs: int = 0
    device: str = "cpu"
    xla: str = "off"


class Run:
    """A run of a tiny model on noise; its delivery only records what it was given."""

    def __init__(self, folder, monkeypatch):
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (40, 8, 8, 1), "uint8")
        self.source = from_arrays((images, np.arange(40) % 2), (images[:8], np.arange(8) % 2))
        self.folder, self.delivered, self.seen = folder, [], []
        monkeypatch.setattr(training, "deliver", self._deliver)

    def _deliver(self, task, model, name, evaluation, config, *_, **__):
        self.delivered.append((name, weights_of(model)))

    def __call__(self, *callbacks, from_probe=False, **flags):
        config = Config(run_dir=f"{self.folder}/run", export_dir=f"{self.folder}/exports", **flags)
        names = ("crane", "crane")  # as in ImageNet
        return train(
            config,
            open_devices(config),
            self.source,
            lambda names: classifier(vit("mu/4", image_size=8, channels=1), 2, class_names=names),
            task=classification(names),
            callbacks=callbacks,
            from_probe=from_probe,
        )


@pytest.fixture
def run(tmp_path, monkeypatch):
    return Run(tmp_path, monkeypatch)


def weights_of(model):
    return np.concatenate([v.numpy().ravel() for v in model.weights])


class Record(keras.callbacks.Callback):
    """Records the validation figures and the weights that were validated."""

    def __init__(self):
        super().__init__()
        self.figures, self.weights = [], []

    def on_epoch_end(self, epoch, logs=None):
        self.figures.append((logs["val_accuracy"], epoch))
        self.weights.append(np.concatenate([v.numpy().ravel() for v in self.model.weights]))


@pytest.mark.parametrize("ema", [0.0, pytest.param(0.5, marks=pytest.mark.slow)])
def test_the_best_epoch_is_exported_and_the_last_one_kept(run, ema):
    record = Record()
    run(record, epochs=6, ema=ema, seed=2)
    best = max(range(6), key=lambda epoch: record.figures[epoch])
    assert best < 5, "choose another seed: the last epoch is the best"
    ((name, weights),) = run.delivered
    assert name == "best"
    expected = record.weights[best][: weights.size]
    np.testing.assert_array_equal(np.sort(weights), np.sort(expected))
    last = weights_of(keras.saving.load_model(run.folder / "run/last.keras"))
    np.testing.assert_array_equal(np.sort(last), np.sort(record.weights[-1][: last.size]))


def test_where_the_test_split_is_watched_the_last_epoch_is_exported(run):
    record = Record()
    run(record, val_fraction=0.0)
    ((name, weights),) = run.delivered
    assert name == "last"
    np.testing.assert_array_equal(np.sort(weights), np.sort(record.weights[-1][: weights.size]))
    assert not (run.folder / "run/checkpoints/best.npz").exists()


def test_a_finished_run_is_left_as_it_is_and_can_be_extended(run, capsys):
    run(epochs=2)
    files = {path: path.stat().st_mtime_ns for path in run.folder.rglob("*") if path.is_file()}
    assert run(epochs=2) is None
    assert "is finished and was left as it is" in capsys.readouterr().out
    assert files == {p: p.stat().st_mtime_ns for p in run.folder.rglob("*") if p.is_file()}
    rates = Rates()
    run(rates, epochs=4)
    assert "The run of 2 epochs goes on to 4" in capsys.readouterr().out
    steps = 36 // 8
    expected = [0.01 * (1 + np.cos(np.pi * step / (4 * steps))) for step in range(2 * steps, 16)]
    np.testing.assert_allclose(rates.rates, expected, atol=1e-7)
    assert json.loads((run.folder / "run/checkpoints/finished.json").read_text())["epochs"] == 4
    with pytest.raises(ValueError, match="epochs=4 is in the checkpoint .* received epochs=3"):
        run(epochs=3)
    (run.folder / "run/best.keras").touch()
    run(epochs=3, resume=False, val_fraction=0.0)
    assert len(run.delivered) == 3 and not (run.folder / "run/best.keras").exists()


class Rates(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.rates = []

    def on_train_batch_begin(self, batch, logs=None):
        optimizer = self.model.optimizer
        self.rates.append(float(optimizer.learning_rate))


def test_a_run_without_progress_ends_early(run, capsys):
    record = Record()
    run(record, epochs=9, learning_rate=1e-12, patience=2)
    assert len(record.figures) < 9
    assert "in 2 validations `accuracy` was not better" in capsys.readouterr().out
    longer = Record()  # waits anew
    run(longer, epochs=12, learning_rate=1e-12, patience=2)
    assert len(longer.figures) == 2


class Killed(Exception):
    pass


class KillAt(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise Killed


@pytest.mark.slow
@pytest.mark.parametrize("epoch", [4, None])  # in the middle, and in the delivery
def test_a_killed_run_keeps_the_same_best(run, monkeypatch, epoch):
    run(epochs=6, seed=2)
    best, _ = read_checkpoint(Path(run.folder, "run/checkpoints/best.npz"))
    run.folder /= "killed"
    if epoch is None:
        monkeypatch.setattr(training, "deliver", lambda *_, **__: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        run(*([KillAt(epoch)] if epoch else []), epochs=6, seed=2)
    monkeypatch.setattr(training, "deliver", run._deliver)
    run(epochs=6, seed=2)
    again, _ = read_checkpoint(Path(run.folder, "run/checkpoints/best.npz"))
    for left, right in zip(best.values(), again.values(), strict=True):
        np.testing.assert_array_equal(left, right)
    (name, whole), (name_again, resumed) = run.delivered
    assert name == name_again == "best"
    np.testing.assert_array_equal(whole, resumed)


def test_the_head_begins_as_a_probe_which_may_be_the_best(run, capsys):
    record = Record()
    run(record, epochs=2, learning_rate=0.3, from_probe=True, seed=1)
    out = capsys.readouterr().out
    notes = read_checkpoint(run.folder / "run/checkpoints/best.npz")[1]
    assert notes["epoch"] == 0 and "The start, before the first epoch, is the best" in out
    baselines = read_checkpoint(run.folder / "run/checkpoints/step-000000008.npz")[1]["baselines"]
    assert baselines["linear probe"]["val"] == pytest.approx(notes["figure"])
    assert baselines.keys() == {"nearest neighbours", "linear probe"}
    assert run.delivered[0][0] == "best"
