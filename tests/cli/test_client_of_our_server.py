"""`keras-vit client` on our own server: the options, the text and the files of `predict`."""

import contextlib
import json

import numpy as np
import pytest
from PIL import Image
from servers import serving_file

from keras_vit.errors import UserError

NAMES = ("road", "sky", "tree")


@pytest.fixture(scope="module")
def url_of(cats, doubler, streets, tiny):
    """Addresses of models that servers answer for."""
    with contextlib.ExitStack() as started:
        urls = {}
        for path in (cats, doubler, streets, tiny.litert):
            client = started.enter_context(serving_file(path))
            urls[path] = f"{client.base_url}/v1/models/{path.parent.name}"
        yield urls


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Pictures of several shapes, one of them grey."""
    folder, rng = tmp_path_factory.mktemp("data") / "photos", np.random.default_rng(0)
    folder.mkdir()
    for name, shape in {"a": (32, 48, 3), "b": (41, 23, 3), "grey": (20, 30)}.items():
        Image.fromarray(rng.integers(0, 256, shape).astype("uint8")).save(folder / f"{name}.png")
    return folder


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_segmentation_is_listed_and_drawn_as_predict_does(url_of, streets, run, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (30, 50, 3)).astype("uint8")
    Image.fromarray(pixels).resize((16 * 24, 16 * 16)).save(tmp_path / "street.png")
    words = [tmp_path / "street.png", "--json", "--top", 3]
    url = url_of[streets]
    code, text, err = run("client", *words, "--url", url, "--out", tmp_path / "asked")
    assert (code, err) == (0, "")
    code, expected, _ = run("predict", streets, *words, "--out", tmp_path / "predicted")
    assert code == 0 and json.loads(text) == json.loads(expected)
    assert {row["name"] for row in json.loads(text)["classes"]} <= set(NAMES)
    drawn = contents(tmp_path / "asked")
    assert sorted(drawn) == ["street-mask.png", "street-overlay.png"]
    assert drawn == contents(tmp_path / "predicted")


def test_a_classifier_is_answered_as_predict_answers(url_of, tiny, run, one_line, tmp_path):
    Image.new("L", (8, 8), 100).save(tmp_path / "grey.png")
    picture = tmp_path / "grey.png"
    url = url_of[tiny.litert]
    code, text, _ = run("client", picture, "--url", url, "--json")
    asked = run("client", picture, "--url", url, "--out", tmp_path / "drawn")
    with_threshold = run("client", picture, "--url", url, "--threshold", 0.5)
    expected = run("predict", tiny.litert, picture, "--json")[1]
    assert code == 0 and json.loads(text) == json.loads(expected)
    assert asked[:2] == (2, "") and "classification draws none" in one_line(asked[2])
    assert with_threshold[:2] == (2, "")
    assert "received 0.5 for one of the task classification" in one_line(with_threshold[2])


@pytest.mark.parametrize(
    "words", [[], ["--json"], ["--json", "--top", 2], ["--threshold", 0.7], ["--threshold", 1]]
)
def test_boxes_are_listed_as_predict_lists_them(url_of, cats, photos, run, words):
    code, text, err = run("client", photos, "--url", url_of[cats], *words)
    assert (code, err) == (0, "")
    assert text == run("predict", cats, photos, *words)[1]


@pytest.mark.parametrize("name", ["boxes.csv", "boxes.jsonl", "drawn"])
def test_boxes_are_written_as_predict_writes_them(url_of, cats, photos, run, tmp_path, name):
    for command, model in (("client", ["--url", url_of[cats]]), ("predict", [cats])):
        (tmp_path / command).mkdir()
        words = [*model, photos] if command == "predict" else [photos, *model]
        assert run(command, *words, "--out", tmp_path / command / name)[0] == 0
    asked, predicted = tmp_path / "client", tmp_path / "predict"
    if name == "drawn":
        asked, predicted = asked / name, predicted / name
    assert contents(asked) == contents(predicted) != {}


def test_a_threshold_lies_between_0_and_1(url_of, cats, photos, run, one_line):
    code, text, err = run("client", photos, "--url", url_of[cats], "--threshold", 2)
    assert (code, text) == (2, "")
    assert "`threshold` must lie in [0, 1]: received 2" in one_line(err)


def test_pictures_are_enlarged_as_predict_enlarges_them(url_of, doubler, photos, run, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    pictures = [photos, tmp_path / "broken.png", "--json", "--out"]
    url = url_of[doubler]
    code, text, err = run("client", *pictures, tmp_path / "asked", "--url", url)
    assert code == 1 and "broken.png is no image" in err and "1 of 4 are not answered" in err
    expected = run("predict", doubler, *pictures, tmp_path / "predicted")
    assert (code, text, err) == expected
    drawn = contents(tmp_path / "asked")
    assert sorted(drawn) == ["a-x2.png", "b-x2.png", "grey-x2.png"]
    assert drawn == contents(tmp_path / "predicted")


def test_one_line_says_that_the_server_is_gone(url_of, doubler, photos, run, one_line, monkeypatch):
    """Not one for each picture, whose tiles would all be asked for."""
    url = url_of[doubler]
    monkeypatch.setattr("keras_vit.serve.connect._ask_rest", gone)
    code, text, err = run("client", photos, "--url", url)
    assert (code, text) == (2, "") and err.count("does not answer") == 1


def gone(url, pictures, timeout):
    raise UserError(f"{url} does not answer pictures: Connection refused.")
