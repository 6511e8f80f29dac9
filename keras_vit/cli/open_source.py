"""Opens the source of a command without the output of other packages, and describes it."""

import contextlib
import sys

from keras_vit.command_line import quiet_stderr


def open_quietly(text, *, to=None, **options):
    """Opens a source and prints its classes, its splits and what it leaves out.

    Args:
        text: digits, a folder, a `.csv` or `.jsonl` file, or the name of a TFDS set.
        to: The stream to print to; standard error by default.
        **options: Further arguments of `keras_vit.data.open_source`.

    Returns:
        A `keras_vit.data.Source`.

    Raises:
        ValueError: If `keras_vit.data.open_source` refuses the source.
    """
    with quiet_stderr():
        from keras_vit.data.sources import open_source
    with contextlib.redirect_stdout(sys.stderr):  # TFDS prints to standard output what it downloads
        source = open_source(text, **options)
    print(source, *source.notes, sep="\n", file=to or sys.stderr)
    return source
