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
    """Returns a check that a command complained in one line."""

    def one_line(err):
        assert err.count("\n") == 1 and err.startswith("keras-vit: "), err
        return err

    return one_line
