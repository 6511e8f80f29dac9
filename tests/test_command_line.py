import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pydantic  # noqa: F401 - cyclopts asks it what commands take, where anything has imported it
import pytest

from keras_vit.command_line import describe, quiet_stderr, run_recipe

ROOT = str(Path(__file__).parents[1])


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


PROGRAM = """
import os, sys
import keras_vit.errors as errors
from keras_vit.command_line import new_app, run_app

app = new_app("demo", "A demonstration.")

@app.default
def main(*words: str):
    for word in words:
        raises.get(word, lambda: print(word))()

def lines():
    for number in range(100_000):
        print("line", number)

def broken_pipe():
    reader, writer = os.pipe()
    os.close(reader)
    os.write(writer, b"x")

def fail(error):
    def fail():
        raise error
    return fail

raises = {
    "user": fail(errors.UserError("`size` must be even:\\n received 3.")),
    "value": fail(ValueError("a fault of the code")),
    "float": fail(FloatingPointError("underflow")),
    "diverged": fail(errors.Diverged("not finite")),
    "import": fail(ImportError("No module named 'nowhere'")),
    "missing": lambda: open("no-such-file"),
    "ctrl-c": fail(KeyboardInterrupt()),
    "lines": lines,
    "pipe": broken_pipe,
}
run_app(app)
"""


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "demo.py"
    path.write_text(PROGRAM)

    def program(*words, **environment):
        return subprocess.run(
            [sys.executable, path, *words],
            capture_output=True,
            text=True,
            env={"PYTHONPATH": ROOT, **os.environ, **environment},
        )

    program.path = path
    return program


@pytest.mark.parametrize(
    "word, line",
    [
        ("user", "`size` must be even: received 3."),
        ("diverged", "not finite"),
        ("missing", "no-such-file: No such file or directory."),
        ("pipe", "Broken pipe."),  # not that of the standard output
        ("--nope", "Unknown option: --nope."),
    ],
)
def test_a_mistake_is_one_line_and_its_traceback_can_be_asked_for(program, word, line):
    done = program(word)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"demo: {line}\n")
    for done in (program(word, "--traceback"), program(word, KERAS_VIT_DEBUG="1")):
        assert done.returncode == 1 and done.stderr.startswith("Traceback")
        assert line.rpartition(": ")[2].rstrip(".") in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("word", ["value", "float", "import"])
def test_a_fault_of_code_keeps_its_traceback(program, word):
    done = program(word)
    assert done.returncode == 1 and done.stderr.startswith("Traceback")
    assert "in fail" in done.stderr


def test_ctrl_c_is_one_line_and_status_130(program):
    done = program("ctrl-c")
    assert (done.returncode, done.stderr) == (130, "demo: stopped.\n")
    assert "KeyboardInterrupt" in program("ctrl-c", "--traceback").stderr


def test_behind_two_dashes_every_word_is_a_value(program):
    done = program("one", "--", "--traceback", "two")
    assert (done.returncode, done.stdout) == (0, "one\n--traceback\ntwo\n")
    assert program("--traceback", "one").stdout == "one\n"


def test_nothing_is_said_where_nobody_reads_any_more(program):
    command = [sys.executable, program.path, "lines"]
    environment = {"PYTHONPATH": ROOT, **os.environ}
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout.readline() == "line 0\n"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141  # 128 + SIGPIPE


def test_help_keeps_the_lines_of_commands(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.argv", ["recipe", "--help"])
    description = """What it is.

    python -m recipe --preset large
    python -m recipe --preset small \\
        --epochs 3

A paragraph
of two lines.
"""
    with pytest.raises(SystemExit) as stop:
        run_recipe(run, PRESETS, description)
    assert not stop.value.code
    out = [line.strip() for line in capsys.readouterr().out.splitlines()]
    place = out.index("python -m recipe --preset large")
    assert out[place + 1 : place + 3] == ["python -m recipe --preset small \\", "--epochs 3"]
    assert "A paragraph of two lines." in out
    text = " ".join(out)
    assert "--preset" in text and "--epochs" in text and "[default: 300]" in text


def test_the_help_of_a_preset_shows_its_defaults(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["recipe", "--preset", "small", "--help"])
    with pytest.raises(SystemExit):
        run_recipe(run, PRESETS, "")
    assert "[default: 18]" in " ".join(capsys.readouterr().out.split())
