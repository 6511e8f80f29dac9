"""How Keras' trainer runs under a strategy, with XLA inside each replica and several workers."""

import keras
import numpy as np
import tensorflow as tf
from keras import tree

from keras_vit.keras_private import TensorFlowTrainer
from keras_vit.training.resume.resumable import ResumableModel


class ReplicaTrainer(TensorFlowTrainer, ResumableModel):
    """A model whose steps run in each replica, and whose logs are those of the whole batch.

    Keras' own trainer reads a batch too many to build the model, reduces logs in a way that
    several workers cannot, and hands XLA the whole cross-replica step, which it refuses.
    """

    def check_batch(self, batch):
        """Checks a batch of training, distributed or not, before it is used."""

    def read_metrics(self):
        """Returns the metrics' running sums in this process' `r` replicas, `(r, ...)` each."""
        return [np.stack([each.numpy() for each in local]) for local in self._local_metrics()]

    def write_metrics(self, values):
        """Sets the running sums of the metrics in this process' replicas."""
        for local, value in zip(self._local_metrics(), values, strict=True):
            for each, own in zip(local, value, strict=True):
                each.assign(own)

    def _local_metrics(self):
        results = self.distribute_strategy.experimental_local_results
        return [results(variable.value) for variable in self.metrics_variables]

    @property
    def _replicas(self):
        return self.distribute_strategy.num_replicas_in_sync

    def make_step_function(self, step):
        """Makes the function of one step of training or of evaluation, from iterator to logs."""
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
        """Builds the model from the shapes of a batch, which stays in the dataset."""
        if iterator is not None:
            data_batch = _spec(iterator.data_adapter.get_tf_dataset())
            self.begin_at_first_step(iterator)
        with self.distribute_strategy.scope():
            self.build_symbolically(data_batch)


def _spec(dataset):
    """Returns the shapes and types of a batch, of one replica's part where it is distributed."""

    def local(spec):
        spec = getattr(spec, "_value_specs", [spec])[0]
        return spec if hasattr(spec, "dtype") else None  # what is missing has no type

    return tree.map_structure(local, dataset.element_spec)
