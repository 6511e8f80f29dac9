"""Every private name of Keras that the package needs, and why it needs it.

Keras may rename them in any release. All are of Keras 3.15, and each was checked in the versions
that `pyproject.toml` allows. `tests/test_keras_private.py` keeps them out of all other files and
lists those that a new version lacks.
"""

import contextlib
import functools
import itertools
from collections.abc import Callable

import keras

# The state of `ModelCheckpoint` between two saves: there is no public way to read or set it.
MODEL_CHECKPOINT_STATE = (
    "best",
    "_current_epoch",
    "_batches_seen_since_last_saving",
    "_last_batch_seen",
)


class TensorFlowTrainer(keras.Model):
    """The hooks of Keras' TensorFlow trainer, under public names.

    A subclass defines `make_step_function(step)` and `build_from(iterator, data_batch)`. Keras'
    own versions read one batch too many, and compile the step of all replicas together, which XLA
    refuses.
    """

    def _make_function(self, step):
        return self.make_step_function(step)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        self.build_from(iterator, data_batch)

    def build_symbolically(self, data_batch):
        """Builds metrics and trackers of losses from the shapes of a batch.

        Args:
            data_batch: `(x, y[, sample_weight])`, of tensors or of their specifications.
        """
        self._symbolic_build(data_batch=data_batch)

    def optionals_to_none(self, step: Callable[[object], object]):
        """Wraps a step so that it receives `None` for missing optional parts of a batch.

        Args:
            step: A function of a batch.

        Returns:
            A function of a batch that may hold `tf.experimental.Optional`s.
        """
        return self._autoconvert_optionals(step)

    def update_loss(self, loss, weight):
        """Adds the loss of a part of a batch to the average `loss` in the logs.

        Args:
            loss: The mean loss of the part, `()`.
            weight: The weight of the part in the average, `()`.
        """
        self._loss_tracker.update_state(loss, sample_weight=weight)

    @property
    def sums_of_loss(self):
        """The variables of the average `loss`: the sum over the parts so far, and their weight."""
        return self._loss_tracker.total, self._loss_tracker.count

    @property
    def averages_of_losses(self):
        """The averages in the logs of each of several losses, a list; empty for a single loss."""
        return [] if self._compile_loss is None else self._compile_loss.metrics

    @contextlib.contextmanager
    def each_loss_as(self, wrap: Callable[[Callable], Callable]):
        """Within this context Keras computes `wrap(loss)` in place of each compiled `loss`.

        Args:
            wrap: Called with the losses in the order in which Keras computes them.

        Yields:
            A list that receives their values. Keras does not add these to the averages.
        """
        compiled, values = self._compile_loss, []
        if compiled is None or not compiled.built:
            yield values
            return

        def noted(loss, *arguments):
            values.append(loss(*arguments))
            return values[-1]

        losses, metrics = compiled._flat_losses, compiled._metrics
        wrapped = [functools.partial(noted, wrap(each.loss)) for each in losses]
        compiled._metrics = [None] * len(losses)
        compiled._flat_losses = [
            type(each)(each.path, loss, each.loss_weights, each.name)
            for each, loss in zip(losses, wrapped, strict=True)
        ]
        try:
            yield values
        finally:
            compiled._flat_losses, compiled._metrics = losses, metrics

    def compute_losses(self, y, y_pred, sample_weight):
        """Computes the compiled losses, without those that layers add.

        Args:
            y: Targets, in the structure of the outputs.
            y_pred: Outputs.
            sample_weight: Weights `(B,)`, or `None`.
        """
        self._compile_loss(y, y_pred, sample_weight)


class JaxTrainer(keras.Model):
    """The hook of Keras' JAX trainer: a subclass defines `begin_at_first_step(iterator)`."""

    def _symbolic_build(self, iterator=None, data_batch=None):
        super()._symbolic_build(iterator=iterator, data_batch=data_batch)
        if iterator is not None:
            self.begin_at_first_step(iterator)

    sums_of_loss = TensorFlowTrainer.sums_of_loss


def count_from(iterator, first):
    """Makes Keras' iterator over an epoch number the steps of its next pass from `first` on.

    `fit` numbers them from 0 and has no argument for another start.

    Args:
        iterator: The iterator that `fit` uses; it is changed.
        first: Number of the first step.
    """
    steps = iterator._enumerate_iterator

    def rest():
        iterator._enumerate_iterator = steps
        return itertools.islice(steps(), first, None)

    iterator._enumerate_iterator = rest


def rates_and_weights(optimizer):
    """Returns pairs of a learning rate, a schedule or a variable, and the weights it moves."""
    all_of_it = getattr(optimizer, "optimizers", [optimizer])
    return [(each._learning_rate, each._trainable_variables) for each in all_of_it]


def all_layers(layer):
    """Returns the list of `layer` and all layers inside it, at any depth.

    `Model.layers` lists only the outermost ones.

    Args:
        layer: A Keras layer or model.
    """
    return list(layer._flatten_layers())


def inner_layers(layer):
    """Returns the list of the layers directly inside `layer`, without those inside them."""
    return list(layer._flatten_layers(include_self=False, recursive=False))


def readers(layer):
    """Returns the list of the layers that take the output of `layer`, in any functional model."""
    return [node.operation for node in layer._outbound_nodes]


def origin(tensor):
    """Finds out how a symbolic tensor was computed.

    Args:
        tensor: A `keras.KerasTensor` of a functional model.

    Returns:
        The operation, the list of the operation's input tensors, and the tensor's number among the
        operation's outputs.
    """
    operation, node_index, tensor_index = tensor._keras_history
    return operation, operation._inbound_nodes[node_index].input_tensors, tensor_index


def losses_of(layer):
    """Returns the list of the losses that `layer` itself, no inner layer, passed to `add_loss`.

    Weight regularisers are not in it.

    Args:
        layer: A Keras layer, in the scope of a forward pass.
    """
    return layer._get_own_losses()


def mask_of(tensor):
    """Returns the mask of void labels or padding that `tensor` carries, or `None`."""
    return getattr(tensor, "_keras_mask", None)


def take_over_update(optimizer):
    """Reduces an optimizer's `apply` to weight decay and the update itself.

    Keras' own clips each replica's part before the sum, sums gradients that are summed already,
    and averages weights inside `tf.cond`, where replicas may not communicate.

    Args:
        optimizer: A built `keras.optimizers.Optimizer`; it is changed.
    """

    def decay_and_update(gradients, variables):
        optimizer._apply_weight_decay(variables)
        optimizer._backend_update_step(gradients, variables, optimizer.learning_rate)

    optimizer._backend_apply_gradients = decay_and_update
    optimizer._all_reduce_sum_gradients = lambda gradients_and_variables: gradients_and_variables


def clip(optimizer, gradients):
    """Returns the list of gradients, clipped as the optimizer's arguments say.

    Args:
        optimizer: A `keras.optimizers.Optimizer` with `clipnorm`, `global_clipnorm` or `clipvalue`,
            or with none of them.
        gradients: Tensors; `None` stays.
    """
    return optimizer._clip_gradients(gradients)


def averages(optimizer):
    """Returns the list of pairs of a variable and its moving average (EMA).

    Args:
        optimizer: A built `keras.optimizers.Optimizer`; without `use_ema` the list is empty.
    """
    if not optimizer.use_ema:
        return []
    pairs = zip(
        optimizer._trainable_variables, optimizer._model_variables_moving_average, strict=True
    )
    return list(pairs)
