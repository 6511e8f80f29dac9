"""Which files words of a command line name."""

import os
from pathlib import Path

from keras_vit.images.picture_files import find_pictures


def put(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def found(*words):
    return [(os.path.basename(x.path), x.place) for x in find_pictures(words)[0]]


def test_a_place_is_below_what_was_asked_for(tmp_path, monkeypatch):
    put(tmp_path, "a/x/1.png", "a/y/1.JPG", "b.png")
    both = [("1.png", Path("x/1")), ("1.JPG", Path("y/1"))]
    assert found(tmp_path / "a") == both
    assert found(tmp_path / "a" / "*" / "1.*") == both
    assert found(f"{tmp_path}/a/[xy]") == both
    assert found(f"{tmp_path}/a/**") == both
    assert found(f"{tmp_path}/a/x/1.png", f"{tmp_path}/none.png") == [
        ("1.png", Path("1")),
        ("none.png", Path("none")),
    ]
    monkeypatch.chdir(tmp_path)
    assert found("b.png", "*.png", ".") == [("b.png", Path("b"))] * 2 + [
        ("1.png", Path("a/x/1")),
        ("1.JPG", Path("a/y/1")),
        ("b.png", Path("b")),
    ]


def test_links_in_a_circle_are_not_followed(tmp_path):
    put(tmp_path, "a/1.png")
    (tmp_path / "a" / "up").symlink_to(tmp_path, target_is_directory=True)
    assert found(tmp_path) == [("1.png", Path("a/1"))]
