"""Signals that arrive while the main thread runs no Python."""

import signal
import subprocess
import sys
import time

import pytest

from keras_vit.signals import SeenAtOnce

PROGRAM = """
import hashlib, signal, sys
from keras_vit.signals import SeenAtOnce

def note(number, frame):
    print("noted", flush=True)

signal.signal(signal.SIGINT, note)
signal.signal(signal.SIGTERM, note)
with SeenAtOnce("{} has come".format):
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", int(sys.argv[1]))  # C that runs no handler
print("done", flush=True)
"""
FOREVER = 10**9  # many minutes


def started(rounds):
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(rounds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout.readline() == "ready\n"
    return program


@pytest.mark.parametrize("number, name", [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")])
def test_the_first_is_acknowledged_at_once_and_the_second_ends_the_program(number, name):
    with started(FOREVER) as program:
        program.send_signal(number)
        assert program.stderr.readline() + program.stderr.readline() == f"\n{name} has come\n"
        assert program.poll() is None
        program.send_signal(number)
        assert program.wait() == 128 + number and "done" not in program.stdout.read()
        assert program.stderr.read() == "\nEnded at once.\n"


def test_handlers_do_their_work(monkeypatch):
    with started(2_000_000) as program:
        program.send_signal(signal.SIGINT)
        assert program.communicate() == ("noted\ndone\n", "\nCtrl-C has come\n")
        assert program.returncode == 0


def test_what_ends_soon_is_not_announced(capfd):
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        for patience, said in ((60, ""), (0, "\nCtrl-C\n")):
            with SeenAtOnce(str, patience=patience):
                signal.raise_signal(signal.SIGINT)
                deadline = time.monotonic() + 20
                while said and time.monotonic() < deadline:
                    time.sleep(0.01)
                    if (err := capfd.readouterr().err) == said:
                        break
            assert not said or err == said
            assert capfd.readouterr().err == ""
        assert signal.set_wakeup_fd(-1) == -1
    finally:
        signal.signal(signal.SIGINT, before)
