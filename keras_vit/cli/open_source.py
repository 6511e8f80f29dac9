"""A source that a command was given, opened without chatter and described."""

import contextlib
import sys

from keras_vit.command_line import quiet_stderr


def open_quietly(text, *, to=None, **options):
    """Opens a source and prints its classes and splits, and what was found and not used.

    Args:
        text: What `keras_vit.data.open_source` takes.
        to: The stream to print to, the standard error stream by default.
        **options: What else `keras_vit.data.open_source` takes.

    Returns:
        A `keras_vit.data.Source`.
    """
    with quiet_stderr():
        from keras_vit.data.sources import open_source
    with contextlib.redirect_stdout(sys.stderr):  # TFDS prints there what it downloads
        source = open_source(text, **options)
    print(source, *source.notes, sep="\n", file=to or sys.stderr)
    return source
