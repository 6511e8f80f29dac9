import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression

from keras_vit.data import open_source
from keras_vit.models import vit
from keras_vit.run.baselines import advice
from keras_vit.run.features import (
    Features,
    best_neighbours,
    best_probe,
    features_of,
    linear_probe,
)
from keras_vit.tasks import features


def clusters(classes, each, seed=0, spread=0.5):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(7).normal(size=(5, 6)) * 3 + 20
    labels = np.repeat(classes, each)
    return Features((centres[labels] + spread * rng.normal(size=(len(labels), 6))), labels)


@pytest.mark.parametrize("classes", [[0, 1], [0, 1, 2], [1, 4]])
def test_the_probe_decides_as_scikit_learn(classes):
    train, other = clusters(classes, 9, spread=3), clusters(classes, 50, seed=1, spread=3)
    probe = linear_probe(train, 5, 0.1)
    assert probe.kernel.shape == (6, 5) and probe.bias.shape == (5,)
    mean, deviation = train.vectors.mean(0), train.vectors.std(0)
    reference = LogisticRegression(C=0.1, max_iter=300)
    reference.fit((train.vectors - mean) / deviation, train.labels)
    standardised = (other.vectors - mean) / deviation
    assert probe.score(*other) == pytest.approx(
        reference.score(standardised, other.labels), abs=0.01
    )
    logits = (other.vectors @ probe.kernel + probe.bias)[:, classes]
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(shares, reference.predict_proba(standardised), atol=1e-3)


def test_a_single_class_is_always_the_answer():
    train = clusters([3], 4)
    assert linear_probe(train, 5, 0.1).score(*train) == 1.0


def test_regularisation_and_neighbours_are_chosen():
    train, val = clusters(range(5), 6, spread=2), clusters(range(5), 30, seed=1, spread=2)
    losses = {c: linear_probe(train, 5, c).loss(*val) for c in (0.001, 0.01, 0.1, 1.0)}
    assert best_probe(train, val, 5).loss(*val) == min(losses.values())
    np.testing.assert_array_equal(
        best_probe(train, None, 5).kernel, linear_probe(train, 5, 0.1).kernel
    )
    pairs = clusters(range(5), 2, spread=0.1)  # five neighbours are of other classes
    assert best_neighbours(pairs).n_neighbors == 1
    assert best_neighbours(clusters([0], 1)).n_neighbors == 1


@pytest.mark.parametrize(
    "figure, epoch, expected",
    [
        (0.9, 3, "On val nearest neighbours reached 80.00%, the kept weights 90.00%: fine-tuning"),
        (0.7, 3, "the kept weights 70.00%: take the features of keras-vit embed"),
        (0.7, 0, "training did not improve on the linear probe"),
    ],
)
def test_a_training_is_compared_with_its_baselines_on_val(figure, epoch, expected):
    figures = {"nearest neighbours": dict(val=0.8, test=0.1), "linear probe": dict(val=0.7)}
    (sentence,) = advice(figures, {"figure": figure, "epoch": epoch})
    assert expected in sentence
    assert advice({}, {"figure": figure, "epoch": epoch}) == advice(figures, None) == []


def test_broken_pictures_are_named(tmp_path, capsys):
    for split in ("train", "test"):
        for colour, value in (("black", 0), ("white", 255)):
            folder = tmp_path / "data" / split / colour
            folder.mkdir(parents=True)
            for index in range(2):
                Image.new("RGB", (8, 8), (value,) * 3).save(folder / f"{index}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    features(vit("mu/4", image_size=8)).save(tmp_path / "backbone.keras")
    found = features_of(tmp_path / "backbone.keras", open_source(str(tmp_path / "data")))
    assert {name: len(each.labels) for name, each in found.items()} == {"train": 4, "test": 4}
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("keras-vit: ") and "white/broken.png is left out: " in line
