"""Pictures that cannot be read: noted while a pipeline runs, for the end of the epoch."""

import threading

import tensorflow as tf

from keras_vit.images.decode import decode_picture


def why_unreadable(error):
    """Returns a sentence on why TensorFlow could not read a file, given its `tf.errors.OpError`."""
    if isinstance(error, tf.errors.NotFoundError):
        return "There is no such file."
    return str(error.message).partition("\n")[0]


def why_broken(split, index):
    """Returns a sentence on why an example of an `EncodedSplit` cannot be read."""
    try:
        encoded, _ = split.read(tf.constant(index, tf.int64))
        decode_picture(encoded.numpy())
    except tf.errors.OpError as error:
        return why_unreadable(error)
    except ValueError as error:
        return str(error)
    return "TensorFlow cannot decode it."


class BrokenPictures:
    """Notes which pictures could not be read, each once, and why.

    Attributes:
        reasons: What was wrong, by the path of the picture.
    """

    def __init__(self):
        self.reasons = {}
        self._new = {}
        self._lock = threading.Lock()  # pipelines run in threads of their own

    def add(self, path, reason):
        """Notes that a picture could not be read."""
        with self._lock:
            self._new[path] = self.reasons[path] = reason

    def collect(self):
        """Returns reasons by path of the pictures that were noted since the last call."""
        with self._lock:
            new, self._new = self._new, {}
        return new
