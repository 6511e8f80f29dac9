"""Pictures that cannot be read: counted while a pipeline runs, for the end of the epoch."""

import collections
import threading

import tensorflow as tf

from keras_vit.images.decode import decode_picture


def why_unreadable(error):
    """Says in a sentence why TensorFlow could not read a file, from its `tf.errors.OpError`."""
    if isinstance(error, tf.errors.NotFoundError):
        return "There is no such file."
    return str(error.message).partition("\n")[0]


def why_broken(split, index):
    """Says in a sentence why an example of an `EncodedSplit` cannot be read."""
    try:
        encoded, _ = split.read(tf.constant(index, tf.int64))
        decode_picture(encoded.numpy())
    except tf.errors.OpError as error:
        return why_unreadable(error)
    except ValueError as error:
        return str(error)
    return "TensorFlow cannot decode it."


class BrokenPictures:
    """Counts, by path, how often a picture could not be read, and remembers why.

    Attributes:
        counts: From paths to how often they were met since the last `collect`.
        reasons: From paths to what was wrong.
    """

    def __init__(self):
        self.counts = collections.Counter()
        self.reasons = {}
        self._lock = threading.Lock()  # pipelines run in threads of their own

    def add(self, path, reason):
        """Notes that a picture could not be read."""
        with self._lock:
            self.counts[path] += 1
            self.reasons[path] = reason

    def collect(self):
        """Returns the counts by path since the last call and starts anew."""
        with self._lock:
            counts, self.counts = self.counts, collections.Counter()
        return counts
