"""Shared by the commands' tests."""

import pytest

from keras_vit.cli.main import main


@pytest.fixture
def run(monkeypatch, capfd):  # the libraries' own lines count, too
    def run(*words):
        monkeypatch.setattr("sys.argv", ["keras-vit", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capfd.readouterr()
        return stop.value.code, out, err

    return run


@pytest.fixture
def one_line():
    """Returns a check that a command complained in one line, below those on an opened source."""

    def one_line(err):
        *about_source, line = err.splitlines()
        assert line.startswith("keras-vit: "), err
        assert not about_source or " classes (" in about_source[0], err
        return line

    return one_line
