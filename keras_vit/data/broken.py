"""Pictures that cannot be read: recorded while a pipeline runs, reported at the end of an epoch."""

import contextlib
import re
import sys
import threading

import tensorflow as tf

from keras_vit.errors import UserError
from keras_vit.images.decode import decode_picture
from keras_vit.images.masks import decode_mask

STATED = re.compile(r"assertion failed: \[([A-Z][^\]]*\.)\]")  # by `tf.debugging.Assert`
DECODERS = {"image": decode_picture, "mask": decode_mask, "target": decode_picture}


def why_unreadable(error):
    """Explains why TensorFlow could not read a file.

    Args:
        error: The `tf.errors.OpError` that it raised.

    Returns:
        A sentence.
    """
    if isinstance(error, tf.errors.NotFoundError):
        return "There is no such file."
    return str(error.message).partition("\n")[0]


@contextlib.contextmanager
def explained():
    """Turns an error of TensorFlow, that a file cannot be read, into one of the user.

    Raises:
        ValueError: In place of a `tf.errors.OpError` of the `with` block.
    """
    try:
        yield
    except tf.errors.OpError as error:
        raise UserError(why_unreadable(error)) from error


def why_broken(split, index, error=None):
    """Explains why an example of an `EncodedSplit` cannot be read.

    Args:
        split: The split.
        index: Index of the example, an integer.
        error: The `tf.errors.OpError` that a crop of it raised, where one did.

    Returns:
        A sentence: the one that a crop states, if it refuses what can be decoded.
    """
    try:
        sample = split.read(tf.constant(index, tf.int64))
        for name, decode in DECODERS.items():
            encoded = sample[name].numpy() if name in sample else None
            if isinstance(encoded, bytes):  # others are pixels
                decode(encoded)
    except tf.errors.OpError as error:
        return why_unreadable(error)
    except ValueError as error:
        return str(error)
    stated = STATED.search(str(getattr(error, "message", "")))
    return stated[1] if stated else "TensorFlow cannot decode it."


class BrokenPictures:
    """Records which pictures could not be read, each once, and why.

    Attributes:
        reasons: A sentence for each of these pictures, by its path.
    """

    def __init__(self):
        self.reasons = {}
        self._new = {}
        self._lock = threading.Lock()  # pipelines run in threads of their own

    def add(self, path, reason):
        """Records that a picture could not be read.

        Args:
            path: Path of the picture, or another name of it.
            reason: A sentence on what is wrong.
        """
        with self._lock:
            self._new[path] = self.reasons[path] = reason

    def collect(self):
        """Returns the reasons, by path, of the pictures that were added since the last call."""
        with self._lock:
            new, self._new = self._new, {}
        return new

    def print_left_out(self):
        """Prints a line on each picture, on stderr, where they are left out."""
        for path, reason in self.reasons.items():
            print(f"keras-vit: {path} is left out: {reason}", file=sys.stderr)
