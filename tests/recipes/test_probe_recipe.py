"""The recipe that says what a backbone has learned."""

import dataclasses
import json

import numpy as np
import pytest

import recipes.probe
from keras_vit.data import from_arrays, take_share
from keras_vit.errors import UserError
from keras_vit.models import vit
from keras_vit.run.features import Features, nearest_neighbours
from keras_vit.tasks import features


@pytest.fixture
def places(tmp_path):
    model = features(vit("mu/4", image_size=8, channels=1))
    model.save(tmp_path / "backbone.keras")
    return dict(weights=str(tmp_path / "backbone.keras"), run_dir=str(tmp_path / "run"), xla="off")


def test_near_pictures_count_more_than_many_far_ones():
    angles = np.radians([0, 40, 41, 42])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype("float32")
    train = Features(vectors, np.array([0, 1, 1, 1]))
    asked = np.array([[1.0, 0.05]], "float32")
    assert nearest_neighbours(train, 4).predict(asked).tolist() == [1]
    assert nearest_neighbours(train, 4, 0.07).predict(asked).tolist() == [0]
    cosines = vectors @ asked[0] / np.linalg.norm(asked)
    votes = np.exp(cosines / 0.07)
    found = nearest_neighbours(train, 4, 0.07).predict_proba(asked)[0]
    np.testing.assert_allclose(found, [votes[0] / votes.sum(), votes[1:].sum() / votes.sum()], 1e-5)


def test_a_share_is_stable_stratified_and_part_of_each_larger_one():
    images = np.arange(100, dtype="uint8").reshape(100, 1, 1, 1)
    labels = np.repeat([0, 1, 2], [60, 38, 2])
    source = from_arrays((images, labels), (images[:3], labels[[0, 70, 99]]), name="few")
    kept = {}
    for share in (0.1, 0.5, 1.0):
        split = take_share(source, share).splits["train"]
        counts = np.bincount(split.labels).tolist()
        assert counts == [round(share * 60), round(share * 38), max(1, round(share * 2))]
        numbers = [int(split.read(index)["image"].numpy().item()) for index in range(split.count)]
        kept[share] = set(numbers)
    assert kept[0.1] < kept[0.5] < kept[1.0]
    assert "Only 11 of 100 training examples" in take_share(source, 0.1).notes[-1]
    for wrong in (0, 1.5):
        with pytest.raises(UserError, match=r"`train_share` must lie in \(0, 1\]: received"):
            take_share(source, wrong)


@pytest.mark.parametrize(
    "wrong, message",
    [
        (dict(shares=(2.0,)), r"`shares` must lie in \[0, 1\]: received \(2.0,\)"),
        (dict(neighbours=0), "`neighbours` must be at least 1"),
        (dict(train_share=0.5), "`shares` take the place of `train_share`"),
    ],
)
def test_flags_that_do_not_fit_are_one_sentence(places, wrong, message):
    with pytest.raises(UserError, match=message):
        dataclasses.replace(recipes.probe.SMOKE[0], **places | wrong).check()


@pytest.mark.slow
@pytest.mark.parametrize("config", recipes.probe.SMOKE)
def test_a_backbone_is_judged_by_neighbours_a_probe_and_fine_tuning(
    config, places, tmp_path, capsys
):
    figures = recipes.probe.run(dataclasses.replace(config, **places))
    assert list(figures) == [
        "nearest neighbours",
        "linear probe",
        "fine-tuned on 10% of the labels",
        "fine-tuned on 100% of the labels",
    ]
    assert figures["linear probe"] > 0.6  # pixels of digits, a random backbone
    assert json.loads((tmp_path / "run" / "probe.json").read_text()) == figures
    said = " ".join(capsys.readouterr().out.split())  # whatever the width of the lines
    assert "of 1,437 training examples are used" in said
