"""Loss and gradient of a replica's part of a batch: what XLA compiles."""

import keras
import tensorflow as tf
from keras import tree

from keras_vit.errors import UserError
from keras_vit.training.names import unique
from keras_vit.training.step.checks import check_added_losses
from keras_vit.training.step.parts import part_weight
from keras_vit.training.step.shares import divided
from keras_vit.training.step.void_labels import check_mask

# Distance between the seeds of two replicas: 2^31 divided by the golden ratio.
REPLICA_STRIDE = 1327217885


class Gradients:
    """Computes loss and gradient from values of weights and seeds, by micro-batches.

    It changes no variable. While tracing it records which non-trainable variables change and which
    weights the loss does not depend on.

    Gradients and statistics are multiplied by the weight of the part in the whole batch: add them
    over the replicas and divide by the sum of the weights.

    Attributes:
        statistics: Variables other than weights and seeds that the forward pass sets, such as the
            averages of a batch normalisation; known after tracing.

    Args:
        model: A compiled Keras model.
        replicas: How many replicas share a batch.
        accumulation: How many micro-batches a part is split into.
    """

    def __init__(self, model, *, replicas, accumulation=1):
        self._model = model
        self._replicas = replicas
        self._accumulation = accumulation
        self._is_split = replicas * accumulation > 1
        self.statistics = []
        self._unused = []

    @property
    def seeds(self):
        """The states of the layers' `SeedGenerator`s, a list of variables."""
        states = self._model.non_trainable_variables
        seeds = [state for state in states if state.path.endswith("seed_generator_state")]
        return unique(seeds)

    def check(self, part):
        """Raises a `ValueError` unless the number of micro-batches divides `B`.

        Args:
            part: One replica's inputs `(B, ...)`.

        Raises:
            ValueError: If the number of micro-batches does not divide `B`.
        """
        if part.shape[0] % self._accumulation:
            raise UserError(
                "`accumulation` must divide a replica's part of the batch: "
                f"received accumulation={self._accumulation}, {part.shape[0]} examples."
            )

    def __call__(self, weights, seeds, x, y, sample_weight, counts, scale):
        """Runs forward and backward.

        Args:
            weights: Values of the trainable variables.
            seeds: Values of `seeds`, `(2,)` each, as `fold_seed` returns them.
            x: Inputs `(B, ...)`.
            y: Targets `(B, ...)`, or `None`.
            sample_weight: Weights `(B,)`, or `None`.
            counts: What `counts_per_example` returned for the whole batch; without it, each
                micro-batch counts for itself.
            scale: Factor of the loss, in the gradient only.

        Returns:
            The mean loss `()`; its weight `()`; the outputs `(B, ...)`; the gradients times that
            weight, of the weights' shapes, zeros where the loss does not depend on a weight; new
            values of `seeds`, `(2,)` each; values of `statistics` times the weight.

        Raises:
            ValueError: If a layer changes a variable that is not the model's or, with
                micro-batches, any non-trainable variable; or if the batch is split and the outputs
                carry a mask, or layers pass to `add_loss` what is not a mean over the examples.
        """
        if self._accumulation == 1:
            return self._whole(weights, seeds, x, y, sample_weight, counts, scale)
        return self._accumulated(weights, seeds, x, y, sample_weight, counts, scale)

    def _whole(self, weights, seeds, x, y, sample_weight, counts, scale):
        """Does what `__call__` does, without micro-batches."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            mapping = zip(
                [*self._model.trainable_variables, *self.seeds], [*weights, *seeds], strict=True
            )
            with keras.StatelessScope(state_mapping=mapping, collect_losses=True) as scope:
                y_pred = self._model(x, training=True)
                with divided(self._model, x, counts):
                    loss = self._model.compute_loss(x, y, y_pred, sample_weight, training=True)
                if self._is_split:
                    check_mask(y_pred)
                    check_added_losses(self._model, self._model.loss, sample_weight)
            loss *= self._replicas  # Keras has divided by it
            scaled = loss * tf.cast(scale, loss.dtype)
        gradients = tape.gradient(scaled, weights)
        self._unused = [place for place, each in enumerate(gradients) if each is None]
        gradients = [
            tf.zeros_like(weight) if gradient is None else tf.convert_to_tensor(gradient)
            for weight, gradient in zip(weights, gradients, strict=True)
        ]
        weight = part_weight(self._model.loss, x, sample_weight, loss.dtype, self._replicas)
        seeds = [scope.get_current_value(seed) for seed in self.seeds]
        self.statistics = _statistics(self._model, scope, self.seeds)
        statistics = [scope.get_current_value(variable) for variable in self.statistics]
        # A replica that an incomplete last batch leaves without examples has weight 0 and NaN as
        # its mean: `multiply_no_nan` makes that 0.
        gradients, statistics = tree.map_structure(
            lambda value: tf.math.multiply_no_nan(value, tf.cast(weight, value.dtype)),
            (gradients, statistics),
        )
        return loss, weight, y_pred, gradients, seeds, statistics

    def drop_unused(self, gradients):
        """Replaces the gradients of weights that the loss does not depend on by `None`.

        Keras' optimizers leave a weight whose gradient is `None` as it is, undecayed.

        Args:
            gradients: One tensor per trainable variable, in order.

        Returns:
            A list of the same length.
        """
        return [None if i in self._unused else each for i, each in enumerate(gradients)]

    def _accumulated(self, weights, seeds, x, y, sample_weight, counts, scale):
        """Does what `__call__` does, one micro-batch after the other."""
        steps = self._accumulation
        batch = tree.map_structure(lambda part: _split(part, steps), (x, y, sample_weight))
        outputs = tree.map_structure(
            lambda output: tf.TensorArray(output.dtype, size=steps), self._model.output
        )
        zero = tf.zeros((), keras.config.floatx())  # as losses are
        start = (0, zero, zero, outputs, [tf.zeros_like(weight) for weight in weights], seeds)

        def body(step, total, count, outputs, sums, seeds):
            x, y, sample_weight = tree.map_structure(
                lambda part: None if part is None else part[step], batch
            )
            loss, weight, y_pred, gradients, seeds, _ = self._whole(
                weights, seeds, x, y, sample_weight, counts, scale
            )
            if self.statistics:
                raise UserError(
                    "`accumulation` needs layers that change no weight going forward: "
                    f"received {self.statistics[0].path}."
                )
            return (
                step + 1,
                total + weight * loss,
                count + weight,
                tree.map_structure(lambda array, y: array.write(step, y), outputs, y_pred),
                [a + b for a, b in zip(sums, gradients, strict=True)],
                seeds,
            )

        loop = tf.while_loop(lambda step, *_: step < steps, body, start, parallel_iterations=1)
        _, total, count, outputs, gradients, seeds = loop
        y_pred = tree.map_structure(lambda array: array.concat(), outputs)
        return tf.math.divide_no_nan(total, count), count, y_pred, gradients, seeds, []


def fold_seed(seed, replica):
    """Moves the state of a seed to a random stream of the replica's own; replica 0 keeps it.

    Args:
        seed: State `[seed, counter]` of a `keras.random.SeedGenerator`, `(2,)`.
        replica: Number of the replica, an integer `()`.

    Returns:
        The state to draw from in that replica, `(2,)` int64.
    """
    stride = tf.cast(replica, tf.int64) * REPLICA_STRIDE
    return tf.stack([(seed[0] + stride) % (2**31 - 2), seed[1]])


def _statistics(model, scope, seeds):
    """Returns the variables, except seeds, that the forward pass has set, each once.

    Raises:
        ValueError: If it has set a variable that is not the model's.
    """
    own = [*model.variables, *model.metrics_variables]
    if not set(scope.state_mapping) <= {id(variable) for variable in own}:
        raise UserError(
            "A layer changes a variable that is not the model's, as keras.random does without a "
            "seed: give the layer a keras.random.SeedGenerator of its own, and pass it as seed."
        )
    return [
        variable
        for variable in unique(model.non_trainable_variables)
        if not any(variable is seed for seed in seeds)
        and scope.get_current_value(variable) is not None
    ]


def _split(part, steps):
    """Splits `(B, ...)` into `(steps, B / steps, ...)`; `None` stays."""
    if part is None:
        return None
    return tf.reshape(part, tf.concat([[steps, -1], tf.shape(part)[1:]], axis=0))
