"""Every private name of Keras that the package needs, why it needs it, and nothing else.

Keras may rename them in any release. Each was read and run in the versions that `pyproject.toml`
allows; `tests/test_keras_private.py` keeps them out of all other files and says which of them a new
version lacks. All are of Keras 3.15.
"""

import itertools

import keras

# What `ModelCheckpoint` counts between two saves: there is no public way to read or set it.
MODEL_CHECKPOINT_STATE = (
    "best",
    "_current_epoch",
    "_batches_seen_since_last_saving",
    "_last_batch_seen",
)


class TensorFlowTrainer(keras.Model):
    """The hooks of Keras' TensorFlow trainer, under public names.

    A subclass defines `make_step_function(step)` and `build_from(iterator, data_batch)`. Keras'
    own read a batch too many, and compile the step of all replicas at once, which XLA refuses.
    """

    def _make_function(self, step):
        return self.make_step_function(step)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        self.build_from(iterator, data_batch)

    def build_symbolically(self, data_batch):
        """Builds what depends on the shapes of a batch: metrics and trackers of losses."""
        self._symbolic_build(data_batch=data_batch)

    def optionals_to_none(self, step):
        """Wraps a step so that optional parts of a batch that are missing arrive as `None`."""
        return self._autoconvert_optionals(step)

    def update_loss(self, loss, weight):
        """Counts a part's mean loss, by its weight, in the `loss` of the logs."""
        self._loss_tracker.update_state(loss, sample_weight=weight)

    def update_losses_of_outputs(self, y, y_pred, sample_weight):
        """Counts the losses of several outputs, which the logs show beside their sum.

        Inside a pure function these counts are lost.
        """
        if self._compile_loss is not None and self._compile_loss.metrics:
            self._compile_loss(y, y_pred, sample_weight)


class JaxTrainer(keras.Model):
    """The hook of Keras' JAX trainer: a subclass defines `begin_at_first_step(iterator)`."""

    def _symbolic_build(self, iterator=None, data_batch=None):
        super()._symbolic_build(iterator=iterator, data_batch=data_batch)
        if iterator is not None:
            self.begin_at_first_step(iterator)


def count_from(iterator, first):
    """Makes Keras' iterator over an epoch number the steps of its next pass from `first` on.

    `fit` numbers them from 0 and has no argument for another start.
    """
    steps = iterator._enumerate_iterator

    def rest():
        iterator._enumerate_iterator = steps
        return itertools.islice(steps(), first, None)

    iterator._enumerate_iterator = rest


def all_layers(layer):
    """Lists a layer and those inside it, at any depth; `Model.layers` lists only the outermost."""
    return list(layer._flatten_layers())


def inner_layers(layer):
    """Lists the layers that a layer holds itself, without those that they hold."""
    return list(layer._flatten_layers(include_self=False, recursive=False))


def readers(layer):
    """Lists the layers that read what a layer of a functional model returns."""
    return [node.operation for node in layer._outbound_nodes]


def origin(tensor):
    """Returns the operation that computed a symbolic tensor, its inputs, and which output it is."""
    operation, node_index, tensor_index = tensor._keras_history
    return operation, operation._inbound_nodes[node_index].input_tensors, tensor_index


def losses_of(layer):
    """Lists what a layer itself has passed to `add_loss`, without weight regularisers."""
    return layer._get_own_losses()


def mask_of(tensor):
    """Returns the mask that a tensor carries, of void labels or of padding, or `None`."""
    return getattr(tensor, "_keras_mask", None)


def take_over_update(optimizer):
    """Leaves of an optimizer's `apply` only weight decay and the update itself.

    Keras' own clips each replica's part before the sum, sums gradients that are summed already,
    and averages weights inside `tf.cond`, where replicas may not talk to each other.
    """

    def decay_and_update(gradients, variables):
        optimizer._apply_weight_decay(variables)
        optimizer._backend_update_step(gradients, variables, optimizer.learning_rate)

    optimizer._backend_apply_gradients = decay_and_update
    optimizer._all_reduce_sum_gradients = lambda gradients_and_variables: gradients_and_variables


def clip(optimizer, gradients):
    """Clips gradients as the optimizer's arguments say."""
    return optimizer._clip_gradients(gradients)


def averages(optimizer):
    """Returns pairs of a variable and its average (EMA), none where the optimizer keeps none."""
    if not optimizer.use_ema:
        return []
    pairs = zip(
        optimizer._trainable_variables, optimizer._model_variables_moving_average, strict=True
    )
    return list(pairs)
