"""The end of a train step: the gradient of the whole batch changes the weights."""

import functools

import keras
import tensorflow as tf

from keras_vit.errors import UserError
from keras_vit.keras_private import averages, clip, take_over_update
from keras_vit.training.names import named_state

INITIAL_SCALE = 2.0**15
# Names in a checkpoint of the variables that `Update` itself has.
OWN_NAMES = ("update/loss_scale", "update/skipped_steps", "update/finite_steps")
GROWTH_STEPS = 2000  # finite steps after which the loss scale doubles


class Update:
    """Unscales, checks and clips the gradient, decays, updates and averages the weights.

    Call it once per step in each replica, with a gradient that is the same in all. A gradient that
    is not finite changes only the loss scale and `skipped`.

    Attributes:
        optimizers: The Keras optimizers that hold the variables.
        scale: Factor of the loss, needed by float16 ("Mixed Precision Training", arXiv:1710.03740,
            section 3.2): halved when a gradient overflows, but not below 1, and doubled after
            `GROWTH_STEPS` steps without overflow. 1 without `scale_loss`.
        skipped: How many gradients were not finite.

    Args:
        optimizer: A `keras.optimizers.Optimizer`.
        trainable_variables: The variables that the gradients belong to, in order.
        ema_warmup: Whether the momentum of averages is smaller at first.
        scale_loss: Whether the loss is scaled.

    Raises:
        ValueError: If the optimizer accumulates gradients or scales the loss itself, or the
            optimizers of a `MultiOptimizer` clip differently.
    """

    def __init__(self, optimizer, trainable_variables, *, ema_warmup=False, scale_loss=False):
        self._optimizer = optimizer
        self._trainable_variables = trainable_variables
        self._ema_warmup = ema_warmup
        self._scale_loss = scale_loss
        if not optimizer.built:
            optimizer.build(trainable_variables)
        optimizers = getattr(optimizer, "optimizers", [optimizer])
        self.optimizers = [each for each in optimizers if each.built]
        _check(optimizer, self.optimizers)
        for each in self.optimizers:
            take_over_update(each)
        new = functools.partial(
            tf.Variable, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
        )
        self.scale = new(INITIAL_SCALE if scale_loss else 1.0)
        self.skipped = new(0, dtype=tf.int64)
        self._finite_steps = new(0, dtype=tf.int64)

    @property
    def variables(self):
        """Everything that must be saved to go on, a dictionary of variables by name."""
        own = dict(zip(OWN_NAMES, (self.scale, self.skipped, self._finite_steps), strict=True))
        variables = named_state(self._optimizer)
        return {name: variable.value for name, variable in variables.items()} | own

    def __call__(self, gradients):
        """Updates the weights.

        Args:
            gradients: One per trainable variable; `None` leaves the variable as it is, undecayed.

        Returns:
            Whether the gradient was finite, a boolean `()`.
        """
        if self._scale_loss:
            gradients = [g if g is None else g / tf.cast(self.scale, g.dtype) for g in gradients]
        # The norm, by which clipping divides, may overflow although each number is finite.
        finite = tf.math.is_finite(tf.linalg.global_norm(gradients))
        # An update looks at other replicas, which a branch inside a replica may not do: branch
        # outside of them, as Keras' LossScaleOptimizer does.
        context = tf.distribute.get_replica_context()
        context.merge_call(self._branch, args=(finite, gradients))
        return finite

    def _branch(self, strategy, finite, gradients):
        def update():
            strategy.extended.call_for_each_replica(self._apply, args=(gradients,))
            for optimizer in self.optimizers:
                if optimizer.use_ema and optimizer.ema_overwrite_frequency:
                    due = optimizer.iterations.value % optimizer.ema_overwrite_frequency == 0
                    tf.cond(due, lambda o=optimizer: _overwrite(strategy, o), lambda: None)
            if self._scale_loss:
                steps = self._finite_steps + 1
                grow = steps == GROWTH_STEPS
                self.scale.assign(tf.where(grow, 2 * self.scale, self.scale))
                self._finite_steps.assign(tf.where(grow, tf.zeros_like(steps), steps))

        def skip():
            self.skipped.assign_add(1)
            self._finite_steps.assign(0)
            if self._scale_loss:
                self.scale.assign(tf.maximum(self.scale / 2, 1.0))

        tf.cond(strategy.experimental_local_results(finite)[0], update, skip)

    def _apply(self, gradients):
        gradients = clip(self.optimizers[0], gradients)
        self._optimizer.apply(gradients, self._trainable_variables)
        for optimizer in self.optimizers:
            if optimizer.use_ema:
                _average(optimizer, self._ema_warmup)


def _average(optimizer, warmup):
    """Moves the averages of the weights; the first are the weights themselves."""
    step = tf.cast(optimizer.iterations.value - 1, tf.float32)
    momentum = tf.constant(optimizer.ema_momentum, tf.float32)
    if warmup:
        momentum = tf.minimum(momentum, (1 + step) / (10 + step))
    momentum = tf.where(step > 0, momentum, 0.0)
    for variable, average in averages(optimizer):
        share = tf.cast(momentum, variable.dtype)
        average.assign(share * average + (1 - share) * variable)


def _overwrite(strategy, optimizer):
    for variable, average in averages(optimizer):
        strategy.extended.update(variable.value, lambda v, a: v.assign(a), args=(average.value,))


def _check(optimizer, optimizers):
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        raise UserError(
            "The step scales the loss itself: pass the optimizer inside the LossScaleOptimizer."
        )
    for each in [optimizer, *optimizers]:
        if each.gradient_accumulation_steps:
            raise UserError(
                "The step accumulates gradients itself: pass `compile(accumulation=...)`, received "
                f"gradient_accumulation_steps={each.gradient_accumulation_steps}."
            )
        if each.loss_scale_factor:
            raise UserError(
                "The step scales the loss itself where float16 needs it: leave out "
                f"loss_scale_factor, received {each.loss_scale_factor}."
            )
    clips = {(each.clipnorm, each.global_clipnorm, each.clipvalue) for each in optimizers}
    if len(clips) > 1:
        raise UserError(
            "The optimizers of a MultiOptimizer must clip alike, because the whole gradient is "
            f"clipped: received (clipnorm, global_clipnorm, clipvalue) = {sorted(map(str, clips))}."
        )
