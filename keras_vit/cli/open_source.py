"""A source that a command was given, opened without chatter."""

import contextlib
import sys

from keras_vit.command_line import quiet_stderr


def open_quietly(text, **options):
    """Opens what `keras_vit.data.sources.open_source` takes; standard output stays clean."""
    with quiet_stderr():
        from keras_vit.data.sources import open_source
    with contextlib.redirect_stdout(sys.stderr):  # TFDS tells there what it downloads
        return open_source(text, **options)
