"""How Keras' trainer runs under a strategy, with XLA inside each replica and several workers."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import tree

from keras_vit.keras_private import TensorFlowTrainer
from keras_vit.training.resume.resumable import ResumableModel


class ReplicaTrainer(TensorFlowTrainer, ResumableModel):
    """A model whose steps run in each replica, and whose logs are those of the whole batch.

    Keras' own trainer reads one batch too many to build the model, reduces logs in a way that does
    not work with several workers, and gives XLA the whole cross-replica step, which XLA refuses.
    """

    def check_batch(self, batch):
        """Checks a training batch before it is used; subclasses override it.

        Args:
            batch: `(x, y[, sample_weight])`, distributed over the replicas where there are several.
        """

    def read_metrics(self):
        """Returns the metrics' running sums in this process' `r` replicas, `(r, ...)` each."""
        return [np.stack([each.numpy() for each in local]) for local in self._local_metrics()]

    def write_metrics(self, values):
        """Sets the running sums of the metrics in this process' `r` replicas.

        Args:
            values: Arrays `(r, ...)`, as `read_metrics` returns them.
        """
        for local, value in zip(self._local_metrics(), values, strict=True):
            for each, own in zip(local, value, strict=True):
                each.assign(own)

    def running_loss(self, steps, logs=None):
        """Returns the sums of the loss over the epoch's steps so far, in this process' replicas.

        Args:
            steps: Not used here; the JAX backend needs it.
            logs: Not used here.

        Returns:
            The weighted sum of the losses, and the sum of their weights, two numbers.
        """
        results = self.distribute_strategy.experimental_local_results
        return tuple(
            sum(float(each.numpy()) for each in results(variable.value))
            for variable in self.sums_of_loss
        )

    def _local_metrics(self):
        results = self.distribute_strategy.experimental_local_results
        return [results(variable.value) for variable in self.metrics_variables]

    @property
    def _replicas(self):
        return self.distribute_strategy.num_replicas_in_sync

    def make_step_function(self, step: Callable[[object], object]):
        """Makes the function that runs one step of training or of evaluation.

        Args:
            step: `train_step` or `test_step`, called in each replica with its part of a batch.

        Returns:
            A function that takes the next batch of an iterator and returns the logs, by name.
        """
        strategy = self.distribute_strategy

        def in_replica(batch):
            step(batch)

        def one_step(batch):
            strategy.run(in_replica, args=(batch,))
            floatx = keras.config.floatx()
            # Outside of the replicas a metric is computed from all their sums.
            return tree.map_structure(
                lambda value: tf.cast(value, floatx), self.get_metrics_result()
            )

        if not self.run_eagerly:
            jit_compile = bool(self.jit_compile) and self._replicas == 1
            one_step = tf.function(
                one_step, jit_compile=jit_compile, autograph=False, reduce_retracing=True
            )
        one_step = self.optionals_to_none(one_step)

        def on_next(iterator):
            batch = next(iterator)
            if step == self.train_step:
                self.check_batch(batch)
            return one_step(batch)

        return on_next

    def build_from(self, iterator, data_batch):
        """Builds the model from the shapes of a batch, without taking one from the dataset.

        Args:
            iterator: Keras' iterator over an epoch, or `None`.
            data_batch: A batch, used only where there is no iterator.
        """
        if iterator is not None:
            data_batch = _spec(iterator.data_adapter.get_tf_dataset())
            self.begin_at_first_step(iterator)
        with self.distribute_strategy.scope():
            self.build_symbolically(self.unpack(data_batch))

    def unpack(self, batch):
        """Splits a batch into inputs, targets and sample weights.

        Args:
            batch: As a dataset for `fit` holds it.

        Returns:
            `(x, y, sample_weight)`. What is missing is `None`; of several outputs, the target of
            each is `None` where there are no targets.
        """
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
        if y is None and tree.is_nested(self.output):
            y = tree.map_structure(lambda _: None, self.output)
        return x, y, sample_weight


def _spec(dataset):
    """Returns the shapes and types of a batch; of one replica's part if it is distributed."""

    def local(spec):
        spec = getattr(spec, "_value_specs", [spec])[0]
        return spec if hasattr(spec, "dtype") else None  # a missing part, such as no sample weights

    return tree.map_structure(local, dataset.element_spec)
