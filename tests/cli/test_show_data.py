import numpy as np
import pytest
from PIL import Image

from keras_vit import data


@pytest.fixture
def folder(tmp_path):
    for name, level in {"dark": 0, "light": 255}.items():
        for split in ("train", "test"):
            (tmp_path / "set" / split / name).mkdir(parents=True)
            for number in range(6):
                image = Image.new("RGB", (40 + number, 50), (level, level, 255))
                image.save(tmp_path / "set" / split / name / f"{number}.jpg")
    return tmp_path / "set"


def show(run, tmp_path, *words):
    code, out, err = run("show-data", *words, "--out", tmp_path / "new" / "gallery.png")
    assert (code, out) == (0, "") and " classes (" in err and err.count("\n") == 1
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["gallery.png"]
    return np.asarray(Image.open(tmp_path / "new" / "gallery.png").convert("RGB"))


def test_a_gallery_shows_images_of_a_folder(folder, tmp_path, run):
    words = [folder, "--size", 96, "--columns", 4, "--rows", 2, "--split", "test"]
    picture = show(run, tmp_path, *words)
    blue, white = ((abs(picture - c) < 9).all(-1).sum() for c in ([0, 0, 255.0], [255.0] * 3))
    assert 2 * 180**2 < blue < 6 * 192**2  # eight of the twelve, six of each
    assert white > 8 * 192 * 10  # above them are their names


@pytest.mark.slow
def test_augmentation_cuts_and_changes_what_is_shown_and_the_seed_chooses(folder, tmp_path, run):
    for path in folder.rglob("*.jpg"):
        Image.linear_gradient("L").save(path)  # dark above, bright below: a flip changes nothing
    (folder / "train/dark/5.jpg").unlink()
    words = [folder, "--size", 32, "--columns", 5, "--rows", 2]
    plain, again = (show(run, tmp_path, *words) for _ in range(2))
    np.testing.assert_array_equal(plain, again)
    cut = show(run, tmp_path, *words, "--flip")
    assert (cut != plain).any()
    other = show(run, tmp_path, *words, "--flip", "--seed", 1)
    assert (other != plain).any() and (other != cut).any()


@pytest.mark.parametrize(
    "words",
    [["--flip"], ["--erasing", "1"], ["--augment", "none"]],
)
def test_flags_of_training_show_what_training_sees(folder, tmp_path, run, monkeypatch, words):
    seen = {}
    real = data.train_batches
    monkeypatch.setattr(data, "train_batches", lambda *a, **k: seen.update(k) or real(*a, **k))
    show(run, tmp_path, folder, "--size", 16, "--columns", 1, "--rows", 1, *words)
    assert seen["crop"].func is data.inception_crop
    assert (seen["augment"] is None) == (words[1:] == ["none"])


def test_what_cannot_be_finished_leaves_nothing(tmp_path, run, one_line, monkeypatch):
    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr("os.replace", full)
    code, out, err = run("show-data", "digits", "--out", tmp_path / "g.png")
    assert (code, out) == (2, "") and "No space left" in one_line(err)
    assert list(tmp_path.iterdir()) == []


def test_digits_and_a_gallery_of_one(tmp_path, run):
    picture = show(run, tmp_path, "digits", "--columns", 1, "--rows", 1)
    assert picture.min() < 20


@pytest.mark.parametrize(
    "words, message",
    [
        (["digits"], "--out"),
        (["digits", "--out", "x.png", "--rows", "0"], "--rows must be at least 1: received 0"),
        (["digits", "--out", "x.png", "--seed=-1"], "--seed must be at least 0: received -1"),
        (
            ["digits", "--out", "x.png", "--split", "val"],
            "must be one of train, test: received val",
        ),
        (["digits", "--out", "x"], "--out must end in one of ."),
        (["digits", "--out", "x.xyz"], ".png, "),
        (["digits", "--out", "x.png", "--augment", "twist"], "twist"),
        (["digits", "--out", "x.png", "--augment-strength", "3"], "received 3 for none"),
        (["digits", "--out", "x.png", "--erasing", "2"], "--erasing must lie in [0, 1]: received"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(tmp_path, run, one_line, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("show-data", *words)
    assert (code, out) == (2, "")
    assert message in one_line(err)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_picture_is_passed_over_and_named(folder, tmp_path, run, one_line):
    (folder / "train/dark/0.jpg").write_bytes(b"")
    words = [folder, "--size", 32, "--columns", 4, "--rows", 3, "--out", tmp_path / "g.png"]
    code, out, err = run("show-data", *words)
    assert (code, out) == (0, "") and "dark/0.jpg is passed over: " in one_line(err)
