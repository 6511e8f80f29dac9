"""A file is the old one or the new one, and nothing is left beside it."""

import json

import pytest

from keras_vit.files import atomic_write, write_json


def test_a_file_is_replaced_when_it_is_whole(tmp_path):
    path = tmp_path / "new folder" / "file.txt"
    for text in ("old", "new"):
        with atomic_write(path) as unfinished:
            assert unfinished.suffix == ".txt" and unfinished.parent == path.parent
            unfinished.write_text(text)
            assert path.exists() == (text == "new")
        assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_what_goes_wrong_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(error), atomic_write(path) as unfinished:
        unfinished.write_text("half")
        raise error
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_writing_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "file.txt"):
        pass
    assert not list(tmp_path.iterdir())


def test_json_has_no_nan(tmp_path):
    path = tmp_path / "file.json"
    write_json(path, [{"a": float("nan"), "b": 0.5}, float("inf")])

    def refuse(token):
        raise AssertionError(token)

    assert json.loads(path.read_text(), parse_constant=refuse) == [{"a": None, "b": 0.5}, None]
