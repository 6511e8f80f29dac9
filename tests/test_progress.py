"""What is said of work that takes long."""

import io
import time

import pytest

from keras_vit import progress
from keras_vit.progress import doing


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("long, said", [(0.0, "compiling: 0 s\n"), (1000.0, "")])
def test_elsewhere_it_is_one_line_if_it_took_long(monkeypatch, capsys, long, said):
    monkeypatch.setattr(progress, "LONG", long)
    with doing("compiling"):
        pass
    assert capsys.readouterr().err == said


def test_on_a_terminal_seconds_are_counted_and_the_line_goes(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    deadline = time.monotonic() + 60
    with pytest.raises(KeyError), doing("compiling"):
        while "\rcompiling, 1 s " not in terminal.getvalue() and time.monotonic() < deadline:
            time.sleep(0.05)
        raise KeyError
    shown = terminal.getvalue()
    assert "\rcompiling, 1 s " in shown and "\n" not in shown
    assert shown.endswith("\r" + " " * 21 + "\r")
    with doing("at once"):
        pass
