"""Mistakes of people, printed in one line; faults of code keep their traceback."""

import contextlib
import re

# What Keras puts before the error that it wraps.
WRAPPED = re.compile(r"Exception encountered(?: when calling [^\n]*\n+|: )|Error encountered:\n+")
COLOUR = re.compile(r"\x1b\[\d*m")
LONGEST = 300  # characters: some messages quote a whole configuration


class UserError(ValueError):
    """A mistake in what a person passed in: a flag, an argument, a file.

    Its message is one sentence that states the rule and the value. Command lines print it without a
    traceback; every other `ValueError` is a fault of code and keeps its traceback.
    """

    ag_pass_through = True  # AutoGraph would raise an error of its own in its place


class Diverged(FloatingPointError):
    """The numbers of a training are no longer finite; other floating-point errors are faults."""


def one_line(error):
    """Returns an error's message on one line, without what Keras puts around it."""
    text = str(error)
    return reason_of(error) if WRAPPED.search(text) else " ".join(text.split())


def reason_of(error):
    """Returns the first line of an error message.

    For a Keras error that wraps another, the innermost message; without a message, the name of the
    error's class.
    """
    *_, last = WRAPPED.split(COLOUR.sub("", str(error)))
    return last.strip().partition("\n")[0][:LONGEST] or type(error).__name__


def first_few(items, limit=3):
    """Lists the first items of a sequence in a message: `a, b, c, ...`."""
    items = list(items)
    return ", ".join(map(str, items[:limit])) + (", ..." if len(items) > limit else "")


@contextlib.contextmanager
def needs_extra(name):
    """Turns the error of an import that only an extra installs into a sentence.

        with needs_extra("onnx"):
            import onnxruntime

    Args:
        name: The extra of keras-vit.

    Raises:
        ValueError: If a package is not installed; it names the package and the extra.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "keras_vit"):
            raise
        raise UserError(f"{package} needs an extra: pip install 'keras-vit[{name}]'.") from error
