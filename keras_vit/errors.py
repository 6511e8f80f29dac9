"""Errors of users, printed in one line; errors in code keep their traceback."""

import contextlib
import re

# What Keras puts before the error that it wraps.
WRAPPED = re.compile(r"Exception encountered(?: when calling [^\n]*\n+|: )|Error encountered:\n+")
COLOUR = re.compile(r"\x1b\[\d*m")
LONGEST = 300  # characters: some messages quote a whole configuration


class UserError(ValueError):
    """A mistake in what a user passed: a flag, an argument or a file.

    Its message is one sentence that states the rule and the value. Command lines print it without a
    traceback; every other `ValueError` is an error in code and keeps its traceback.
    """

    ag_pass_through = True  # else AutoGraph replaces it by an error of its own


class Diverged(FloatingPointError):
    """The loss, gradient or weights of a training are no longer finite.

    Command lines print it without a traceback, unlike other floating-point errors.
    """


def one_line(error):
    """Returns an error's message on one line.

    For a Keras error that wraps another, `reason_of`; for an error of the operating system, the
    file and the reason without its number; without a message, the name of the error's class.

    Args:
        error: An exception.
    """
    if isinstance(error, OSError) and error.strerror:
        place = "" if error.filename is None else f"{error.filename}: "
        return f"{place}{error.strerror}."
    text = str(error)
    if WRAPPED.search(text):
        return reason_of(error)
    return " ".join(text.split()) or type(error).__name__


def reason_of(error):
    """Returns the first line of an error message.

    For a Keras error that wraps another, it is that of the innermost message; without a message, it
    is the name of the error's class.

    Args:
        error: An exception.
    """
    *_, last = WRAPPED.split(COLOUR.sub("", str(error)))
    return last.strip().partition("\n")[0][:LONGEST] or type(error).__name__


def first_few(items, limit=3):
    """Returns the first items for a message: `a, b, c, ...`.

    Args:
        items: An iterable; its items are shown as `str` shows them.
        limit: How many items are shown.
    """
    items = list(items)
    return ", ".join(map(str, items[:limit])) + (", ..." if len(items) > limit else "")


@contextlib.contextmanager
def needs_extra(name):
    """Explains in one sentence that an import needs an extra of keras-vit.

        with needs_extra("onnx"):
            import onnxruntime

    Args:
        name: The extra of keras-vit.

    Raises:
        ValueError: If a package that the `with` block imports is not installed; the message names
            the package and the extra.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "keras_vit"):
            raise
        raise UserError(f"{package} needs an extra: pip install 'keras-vit[{name}]'.") from error
