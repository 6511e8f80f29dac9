import dataclasses
import os

import pytest

from keras_vit.command_line import describe, quiet_stderr


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
