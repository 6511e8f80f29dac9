"""A step of training and one of evaluation, as each replica runs them."""

import tensorflow as tf
from keras import tree

from keras_vit.training.step.checks import check_labels, check_together
from keras_vit.training.step.gradients import fold_seed
from keras_vit.training.step.parts import part_weight
from keras_vit.training.step.replica_trainer import ReplicaTrainer
from keras_vit.training.step.shares import counts_per_example, divided


class Steps(ReplicaTrainer):
    """A model that trains by its `Gradients` and its `Update`, which `compile` makes."""

    def unpack(self, batch):
        """Splits a batch into inputs, targets and sample weights, as `ReplicaTrainer` does.

        Args:
            batch: As a dataset for `fit` holds it.

        Raises:
            ValueError: If there are no targets and a loss needs some.
        """
        x, y, sample_weight = super().unpack(batch)
        check_labels(self._compiled_with["loss"], y)
        return x, y, sample_weight

    def check_batch(self, batch):
        """Raises a `ValueError` unless a replica's part can be split as accumulation and loss ask.

        Args:
            batch: `(x, y[, sample_weight])`, distributed over the replicas where there are several.

        Raises:
            ValueError: If `accumulation` does not divide the examples of a part, or the loss is of
                more examples together than a micro-batch holds.
        """
        self._batch = batch
        results = self.distribute_strategy.experimental_local_results
        for part in results(tree.flatten(batch)[0]):
            self._gradients.check(part)
            check_together(self._compiled_with["loss"], part.shape[0] // self.accumulation)

    def make_train_function(self, force=False):
        if self.train_function is None or force:
            self._compute = self._gradients
            # Where there is one replica, `ReplicaTrainer` compiles the whole step.
            if self.jit_compile and not self.run_eagerly and self._replicas > 1:
                self._compute = tf.function(self._gradients, jit_compile=True, autograph=False)
        super().make_train_function(force)

    def train_step(self, data):
        """Trains on a replica's part `(x, y[, sample_weight])` of a batch; returns the logs."""
        x, y, sample_weight = self.unpack(data)
        counts = counts_per_example(self, x, y, sample_weight)
        replica = tf.distribute.get_replica_context()
        variables = self._gradients.seeds
        seeds = [tf.convert_to_tensor(variable.value) for variable in variables]
        loss, weight, y_pred, gradients, new_seeds, statistics = self._compute(
            [tf.convert_to_tensor(variable.value) for variable in self.trainable_variables],
            [fold_seed(seed, replica.replica_id_in_sync_group) for seed in seeds],
            x,
            y,
            sample_weight,
            counts,
            tf.convert_to_tensor(self._update.scale),
        )
        for variable, seed, new in zip(variables, seeds, new_seeds, strict=True):
            variable.assign(tf.stack([seed[0], new[1]]))

        gradients, statistics, total = replica.all_reduce(
            tf.distribute.ReduceOp.SUM, [gradients, statistics, weight]
        )
        gradients, statistics = tree.map_structure(
            lambda value: tf.math.divide_no_nan(value, tf.cast(total, value.dtype)),
            (gradients, statistics),
        )
        finite = self._update(self._gradients.drop_unused(gradients))
        for variable, value in zip(self._gradients.statistics, statistics, strict=True):
            variable.assign(tf.where(finite, value, variable.value))
        if self._compiled_with["after_update"] is not None:
            self._compiled_with["after_update"](self)
        self._update_metrics(finite, loss, weight, x, y, y_pred, sample_weight, counts)
        return self.get_metrics_result()

    def _update_metrics(self, finite, loss, weight, x, y, y_pred, sample_weight, counts):
        """Updates the metrics, unless the step's gradient was not finite."""
        before = [tf.convert_to_tensor(variable.value) for variable in self.metrics_variables]
        self.update_loss(loss, weight)
        if self.averages_of_losses:  # `Gradients` is a pure function, which changes none
            with divided(self, x, counts) as values:
                self.compute_losses(y, y_pred, sample_weight)
            self._update_losses(values, weight)
        self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)
        for variable, old in zip(self.metrics_variables, before, strict=True):
            variable.assign(tf.where(finite, variable.value, old))

    def test_step(self, data):
        """Evaluates a replica's part of a batch, weighted as in training; returns the logs."""
        x, y, sample_weight = self.unpack(data)
        y_pred = self(x, training=False)
        with divided(self, x, counts_per_example(self, x, y, sample_weight)) as values:
            loss = self.compute_loss(x, y, y_pred, sample_weight, training=False)
        loss *= self._replicas  # Keras has divided by it
        weight = part_weight(self.loss, x, sample_weight, loss.dtype, self._replicas)
        self.update_loss(loss, weight)
        self._update_losses(values, weight)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def _update_losses(self, values, weight):
        """Adds each of several losses to its average, weighted as the whole loss is.

        Keras itself counts all batches alike where it does not know their size.
        """
        for average, value in zip(self.averages_of_losses, values, strict=False):
            average.update_state(self._replicas * value, sample_weight=weight)
