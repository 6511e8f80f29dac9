"""`keras-vit explain`: maps drawn over pictures, and how far to trust them."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from keras_vit.cli.faithfulness import _first_against_others, _groups, _no_better_than_random
from keras_vit.images.heat import overlaid
from keras_vit.interpret.faithfulness import IS_HIGH_GOOD
from keras_vit.models import vit
from keras_vit.tasks import classifier, detection, detector, features

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    model = classifier(vit("mu/4", image_size=(8, 12)), 3, class_names=["cat", "dog", "7"])
    path = tmp_path_factory.mktemp("model") / "pets.keras"
    model.save(path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("pictures")
    for name in ("one", "two", "three", "four", "five"):
        pixels = RNG.integers(0, 256, (20, 30, 3), dtype="uint8")
        Image.fromarray(pixels).save(place / f"{name}.png")
    return place


def test_pictures_are_drawn_and_maps_are_numbers(model, folder, run, tmp_path):
    methods = "relevance,rollout,gradcam,occlusion"
    asked = ["--method", methods, "--target", "dog", "--out", tmp_path]
    code, out, err = run("explain", model, folder, *asked)
    assert code == 0, err
    assert (
        out.count("dog ") == 5
        and f"Written to {tmp_path}: a picture and maps of 5, and explanations.html." in out
    )
    with np.load(tmp_path / "one-maps.npz") as maps:
        assert list(maps) == methods.split(",")
        assert maps["relevance"].shape == (2, 3) and maps["occlusion"].shape == (8, 12)
    with Image.open(tmp_path / "one-explained.png") as drawn:
        assert drawn.size[0] > 4 * 200
    page = (tmp_path / "explanations.html").read_text()
    assert page.count("data:image/") == 5 * 5 and page.count('<bdi class="name">dog ') == 5
    assert str(folder) not in page and "one.png" in page and "arXiv:2402.05602" in page


def test_what_is_asked_changes_the_map(model, folder, run, tmp_path):
    maps = {}
    for target in ("cat", "0", "7", "2"):
        where = tmp_path / target
        code, _, err = run("explain", model, folder / "one.png", "--target", target, "--out", where)
        assert code == 0, err
        with np.load(where / "one-maps.npz") as found:
            maps[target] = found["relevance"]
    np.testing.assert_array_equal(maps["cat"], maps["0"])
    np.testing.assert_array_equal(maps["7"], maps["2"])  # a name goes before an index
    assert np.abs(maps["cat"] - maps["7"]).max() > 0


def test_what_does_not_suit_a_model_is_left_out_of_the_defaults(folder, run, tmp_path):
    backbone = vit("mu/4", image_size=16)
    boxes = detection(["cat", "dog"]).deploy(detector(backbone, 2, width=8, depth=1))
    path = tmp_path / "boxes.keras"
    boxes.save(path)
    asked = ["explain", path, folder / "one.png", "--out", tmp_path]
    maps = {}
    for target in ("dog", "0"):
        code, _, err = run(*asked, "--target", target)
        assert code == 0, err
        assert "rollout is left out: The model 'detection' does not pool its tokens." in err
        with np.load(tmp_path / "one-maps.npz") as found:
            assert list(found) == ["relevance", "gradcam"]
            maps[target] = found["relevance"]
    code, _, err = run(*asked, "--method", "relevance,rollout")
    assert code == 2 and "rollout: The model 'detection' does not pool" in err
    code, _, err = run(*asked, "--target", "horse")
    assert code == 2 and "no class called 'horse'" in err


def test_a_feature_is_explained(folder, run, tmp_path):
    path = tmp_path / "features.keras"
    features(vit("mu/4", image_size=8)).save(path)
    code, out, err = run("explain", path, folder / "one.png", "--target", "4", "--out", tmp_path)
    assert code == 0, err
    assert re.search(r"one.png: 4: -?[\d.]+", out)


def test_pictures_that_are_not_explained_are_counted_and_a_map_of_zeros_says_so(
    model, run, tmp_path
):
    Image.new("RGB", (8, 12)).save(tmp_path / "black.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    code, _, err = run(
        "explain", model, tmp_path, "--method", "integrated-gradients", "--out", tmp_path
    )
    assert code == 1 and "1 of 2 are not explained" in err
    assert "integrated-gradients: zero" in (tmp_path / "explanations.html").read_text()


def test_a_share_of_the_pictures_is_looked_at(model, folder, run, tmp_path):
    """The one that a training sets apart."""
    for command in (
        ["explain", model, "--faithfulness", "--method", "attention"],
        ["inside", model, "--show", "norms", "--out", tmp_path / "inside"],
    ):
        code, _, err = run(*command, "--data", folder, "--test-fraction", "2")
        assert code == 2 and "`test_fraction` must lie between 0 and 1: received" in err


def test_mistakes_are_one_sentence(model, folder, run, tmp_path):
    picture = folder / "one.png"
    for words, message in (
        ([picture], "--out must name a folder for the pictures"),
        (
            [picture, "--out", tmp_path, "--method", "magic"],
            "--method must be of .*: received 'magic'",
        ),
        ([picture, "--out", tmp_path, "--target", "horse"], "no class called 'horse'"),
        ([picture, "--out", tmp_path, "--pixel", "0", "0"], "a segmentation"),
        (["--out", tmp_path], "Name pictures to explain, or --data and --faithfulness"),
        (
            ["--faithfulness", "--data", tmp_path, "--target", "cat"],
            "--faithfulness explains what is answered, without --target or --pixel",
        ),
        (["--faithfulness"], "Name pictures to explain, or --data and --faithfulness"),
        ([tmp_path / "none.png", "--out", tmp_path], "No picture is explained|no such|none.png"),
    ):
        code, _, err = run("explain", model, *words)
        assert code == 2
        assert re.search(message, err.replace("\n", " ")), err


@pytest.mark.slow
def test_methods_are_measured_beside_maps_that_know_nothing(model, folder, run, tmp_path):
    asked = ["--faithfulness", "--data", folder, "--method", "relevance,attention"]
    code, out, err = run("explain", model, *asked, "--out", tmp_path)
    assert code == 0, err
    found = json.loads((tmp_path / "faithfulness.json").read_text())
    assert (found["data"], found["pictures"]) == (str(folder), 5)
    assert list(found["methods"]) == ["relevance", "attention", "random", "centre blob", "edges"]
    for name, measures in found["methods"].items():
        assert list(measures) == list(found["values"][name]) == list(IS_HIGH_GOOD)
        for measure, cell in measures.items():
            assert 0 <= cell["low"] <= cell["mean"] <= cell["high"] <= 1
            values = found["values"][name][measure]
            assert len(values) == (4 if measure == "pointing" else 5)
            assert np.mean(values) == pytest.approx(cell["mean"], abs=1e-6)
    assert found["methods"]["edges"]["shuffled weights"]["mean"] == pytest.approx(1)
    assert found["methods"]["relevance"]["shuffled weights"]["mean"] < 0.9
    assert "not better than a random map" in out.replace("\n ", "")
    assert re.search(r"All relevance adds up to the answer within \S+ of it", out)
    assert max(len(line) for line in out.splitlines() if str(tmp_path) not in line) <= 80
    page = (tmp_path / "faithfulness.html").read_text()
    assert page.count("<td>") == 5 * 8 and "data:image/" in page and str(tmp_path) not in page
    with Image.open(tmp_path / "faithfulness.png") as drawn:
        assert drawn.size[0] == 1300


def test_what_cannot_be_measured_is_refused(model, folder, run, tmp_path):
    few = tmp_path / "few"
    few.mkdir()
    for name in ("one", "two"):
        (few / f"{name}.png").write_bytes((folder / f"{name}.png").read_bytes())
    embedder = tmp_path / "features.keras"
    features(vit("mu/4", image_size=8)).save(embedder)
    grey = tmp_path / "grey.keras"
    classifier(vit("mu/4", image_size=8, channels=1), 3).save(grey)
    for words, message in (
        ([model, "--data", few], "At least 4 pictures are needed: received 2 that"),
        ([model, "--data", folder, "--limit", "3"], "--limit must be at least 4: received 3"),
        ([embedder, "--data", folder], "of our classifiers: received|cannot be exported"),
        ([grey, "--data", folder], "The model takes 1 channels: the source has 3"),
    ):
        code, _, err = run("explain", *words, "--faithfulness")
        assert code == 2
        assert re.search(message, err.replace("\n", " ")), err


def test_what_is_surely_better_and_worse_is_said():
    rng = np.random.default_rng(0)
    names = ("good", "alike", "bad", "random")
    each = {name: rng.normal(size=40) + (name == "bad") for name in names}
    each["alike"] = each["good"] + 0.1 * rng.normal(size=40)
    values = {name: {"deletion": found, "insertion": -found} for name, found in each.items()}
    for measure, sentence in zip(
        ("deletion", "insertion"), _first_against_others(values, names[:3]), strict=True
    ):
        assert sentence == f"By {measure}, good is better than bad (95 % interval)."
    turned = list(_first_against_others(values, ["bad", "good"]))
    assert turned[0] == "By deletion, bad is worse than good (95 % interval)."
    assert list(_first_against_others(values, ["good", "alike"])) == []
    (low, high) = _no_better_than_random(values, ["good", "bad"])
    assert low == "By deletion, not better than a random map (95 % interval): good, bad"
    assert "insertion" in high


def test_no_group_is_less_than_a_mosaic():
    for count in (4, 5, 16, 17, 19, 20, 33, 35):
        groups = _groups(np.arange(count)[:, None, None])
        assert np.concatenate(groups).ravel().tolist() == list(range(count))
        assert all(4 <= len(group) <= 19 for group in groups)
    assert [len(group) for group in _groups(np.zeros((9, 900, 900)))] == [4, 5]


def test_colours_of_a_map():
    image = np.full((12, 18, 3), 100, "uint8")
    values = np.zeros((2, 3))
    values[0, 0] = 1
    bright = overlaid(image, values)
    assert bright.shape == (12, 18, 3) and bright.dtype == np.uint8
    assert bright[1, 1].sum() > bright[-1, -1].sum()
    signed = overlaid(image, values - np.eye(2, 3)[::-1])
    assert signed[1, 1, 0] > signed[1, 1, 2] and signed[-2, 1, 2] > signed[-2, 1, 0]
    assert np.isfinite(overlaid(image, np.zeros((2, 3)))).all()
