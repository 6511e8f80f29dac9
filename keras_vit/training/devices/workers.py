"""The workers of a strategy: their numbers, and values that all of them exchange."""

import contextlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf


class Workers:
    """The processes that train together under a strategy; usually there is one.

    Attributes:
        count: How many there are.
        index: Number of this one, from 0; the first writes the files.

    Args:
        strategy: A `tf.distribute.Strategy`.
    """

    def __init__(self, strategy):
        self._strategy = strategy
        self.count, self.index = 1, 0
        if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            resolver = strategy.cluster_resolver
            self.count = len(resolver.cluster_spec().as_dict().get("worker", [0]))
            self.index = resolver.task_id or 0

    @property
    def is_chief(self):
        """Whether this is the first worker."""
        return self.index == 0

    def gather(self, values):
        """Collects one array of each worker, in all of them; waits until all have called it.

        Args:
            values: This worker's array `(...)` of numbers, of the same shape in all workers.

        Returns:
            The arrays of all workers, `(count, ...)`.
        """
        whole = np.zeros((self.count, *np.shape(values)), np.asarray(values).dtype)
        whole[self.index] = values
        return whole if self.count == 1 else self._sum(whole)

    def largest(self, number):
        """Returns the largest of the workers' integers; waits until all have called it.

        Args:
            number: This worker's integer, which must fit into 32 bits.
        """
        return int(self.gather(np.int32(number)).max())

    def broadcast(self, content):
        """Returns the first worker's bytes, in all workers; waits until all have called it.

        Args:
            content: Bytes; ignored in all workers except the first.
        """
        length = self.largest(len(content) if self.is_chief else 0)
        if not length:  # TensorFlow 2.21 crashes on the sum of nothing
            return b""
        words = np.zeros(-(-length // 4), np.int32)
        if self.is_chief:
            words = np.frombuffer(content.ljust(4 * len(words), b"\0"), np.int32)
        return (words if self.count == 1 else self._sum(words)).tobytes()[:length]

    def _sum(self, values):
        """Sums one array per worker: its first replica passes the array, its others zeros."""
        replicas = self._strategy.num_replicas_in_sync // self.count
        values = self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(
                np.zeros_like(values) if context.replica_id_in_sync_group % replicas else values
            )
        )
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None).numpy()


def per_worker(stream: Callable[..., tf.data.Dataset], strategy):
    """Makes a dataset in which each worker reads its own share of a stream.

    Args:
        stream: `stream(worker=0, workers=2)` returns the dataset of one worker's share.
        strategy: A `tf.distribute.Strategy`.

    Returns:
        What `model.fit` takes: the dataset, or, with several workers, a distributed one.
    """
    workers = Workers(strategy)
    if workers.count == 1:
        return stream(worker=0, workers=1)
    replicas = strategy.num_replicas_in_sync // workers.count

    def share(context):
        dataset = stream(worker=workers.index, workers=workers.count)
        size = tf.nest.flatten(dataset.element_spec)[0].shape[0]
        return dataset if replicas == 1 else dataset.rebatch(size // replicas, drop_remainder=True)

    return strategy.distribute_datasets_from_function(share)


LOST = (
    tf.errors.AbortedError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
)


@contextlib.contextmanager
def explain_lost_workers(workers):
    """Turns TensorFlow's errors after the loss of a worker into a `ConnectionError`.

    Args:
        workers: The `Workers` that train. Where there is one, errors are left as they are.

    Raises:
        ConnectionError: If TensorFlow reports in the `with` block that another worker is gone.
    """
    try:
        yield
    except LOST as error:
        if workers.count == 1:
            raise
        lines = [line for line in error.message.splitlines() if line.strip(" :")]
        print()  # the progress bar's line ends here
        raise ConnectionError(
            "Another worker is gone, and none can train without it: start the same commands again "
            "on all of them; they go on from the last checkpoint of the first worker. "
            f"({type(error).__name__}: {lines[-1][:200] if lines else ''})"
        ) from error
