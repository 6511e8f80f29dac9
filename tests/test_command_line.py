import dataclasses
import os

import pydantic  # noqa: F401 - cyclopts asks it what commands take, where anything has imported it
import pytest

from keras_vit.command_line import describe, quiet_stderr, run_recipe


def test_a_quiet_stderr_holds_back_what_libraries_write(capfd):
    with quiet_stderr():
        os.write(2, b"start-up noise\n")
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "afterwards\n"


def test_an_import_that_fails_says_everything(capfd):
    with pytest.raises(ImportError), quiet_stderr():
        os.write(2, b"why it failed\n")
        raise ImportError
    assert capfd.readouterr().err == "why it failed\n"


def test_a_configuration_is_one_line():
    config = dataclasses.make_dataclass("Config", [("epochs", int), ("name", str)])(3, "x")
    assert describe(config) == "epochs=3, name=x"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Large:
    epochs: int = 300
    batch_size: int = 128
    rates: tuple[float, ...] = (0.0,)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Small(Large):
    epochs: int = 18


PRESETS = {"large": Large, "small": Small}
RAN = []


def run(config):
    RAN.append(config)


@pytest.mark.parametrize(
    "words, expected",
    [
        ([], Large()),
        (["--preset", "small"], Small()),
        (["--epochs", "3", "--preset=small"], Small(epochs=3)),
        (["--preset", "large", "--batch-size", "8"], Large(batch_size=8)),
        (["--rates", "0.5", "0", "--epochs", "3"], Large(rates=(0.5, 0.0), epochs=3)),
    ],
)
def test_a_preset_sets_the_defaults_of_the_other_flags(words, expected, monkeypatch):
    monkeypatch.setattr("sys.argv", ["recipe", *words])
    with pytest.raises(SystemExit) as stop:
        run_recipe(run, PRESETS, "")
    assert not stop.value.code and RAN[-1] == expected


def test_an_unknown_preset_is_one_line_and_status_2(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["recipe", "--preset", "huge"])
    with pytest.raises(SystemExit) as stop:
        run_recipe(run, PRESETS, "")
    assert stop.value.code == 2
    assert 'Invalid value "huge" for --preset' in capsys.readouterr().err
