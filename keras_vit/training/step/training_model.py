"""The train step: the same numbers on one device and on many.

Stock Keras 3.15 clips before the replicas' gradients are summed, crashes on accumulation under a
strategy, compiles the whole cross-replica step (which XLA refuses) and draws one dropout mask for
all replicas. Here a step is

    in each replica     forward and backward, compiled by XLA, one micro-batch after the other
    between replicas    one all-reduce
    in each replica     unscale, check that all is finite, clip, decay, update, average (EMA)

and `model.fit`, callbacks, metrics and strategies stay Keras' own.
"""

from collections.abc import Callable

import keras
import tensorflow as tf
from keras import tree

from keras_vit.errors import UserError
from keras_vit.keras_private import all_layers
from keras_vit.training.names import named_variables
from keras_vit.training.step.checks import check_layers, check_losses
from keras_vit.training.step.gradients import Gradients
from keras_vit.training.step.labels import label_out_of_range
from keras_vit.training.step.per_example import per_example
from keras_vit.training.step.steps import Steps
from keras_vit.training.step.update import Update
from keras_vit.training.step.xla import check_jit


@keras.saving.register_keras_serializable("keras_vit")
class TrainingModel(Steps):
    """A functional model whose `fit` means the same on any number of replicas.

    `TrainingModel(model.input, model.output)` shares the layers of `model`: train the one, save
    and export the other. Build both in `with strategy.scope():`.

    Guarantees: each step uses the gradient of the mean loss over the whole batch, however
    it is split over replicas and micro-batches, also where they hold unequally many examples or
    weights; clipping and EMA see that gradient and its update once per step; random layers draw
    other numbers in each replica; a step whose gradient is not finite changes no weight and is
    counted in `skipped_steps`. Gradients are dense, an embedding's too.
    """

    def compile(
        self,
        optimizer,
        loss=None,
        *,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        accumulation=1,
        ema_warmup=False,
        after_update=None,
        jit_compile=False,
        run_eagerly=False,
    ):
        """Configures the step.

        Args:
            optimizer: A `keras.optimizers.Optimizer`; a `MultiOptimizer` too. From now on the step
                does its clipping and EMA, on the whole gradient.
            loss: As `keras.Model.compile` takes it, and `keras_vit.losses.WeightedLoss`; `None`
                where layers call `add_loss`. With several outputs, all losses of Keras must use
                the same reduction.
            loss_weights: As `keras.Model.compile` takes them.
            metrics: As `keras.Model.compile` takes them.
            weighted_metrics: As `keras.Model.compile` takes them.
            accumulation: How many micro-batches each replica's part of a batch is split into. They
                run one after the other: less memory, the same numbers.
            ema_warmup: Whether the momentum of the average of the weights, if the optimizer keeps
                one, is smaller at first: `min(ema_momentum, (1 + t) / (10 + t))` at step `t`, as
                `tf.train.ExponentialMovingAverage` has it.
            after_update: Called with the model at the end of each step, in its graph and in each
                replica, for example to move the average of a teacher, whose variables must be the
                model's.
            jit_compile: Whether XLA compiles forward and backward.
            run_eagerly: Whether nothing is compiled, for debugging.

        Raises:
            ValueError: If a number is out of its range, the losses of a batch's parts do not add
                up to that of the batch, the optimizer brings its own accumulation or loss scale,
                or a layer or the loss cannot be compiled by XLA. In `fit`, if what layers pass to
                `add_loss` is not a mean over the examples and a batch is split.
        """
        if accumulation < 1:
            raise UserError(
                f"`accumulation` must be at least 1: received accumulation={accumulation}."
            )
        is_split = accumulation * self._replicas > 1
        check_losses(loss, accumulation=accumulation, replicas=self._replicas)
        if is_split:
            check_layers(self)
        optimizer = keras.optimizers.get(optimizer)
        if jit_compile:
            check_jit(self, loss)
        super().compile(
            optimizer,
            per_example(loss, is_split=is_split),
            loss_weights=loss_weights,
            metrics=metrics,
            weighted_metrics=weighted_metrics,
            jit_compile=jit_compile,
            run_eagerly=run_eagerly,
            auto_scale_loss=False,
        )
        self._compiled_with = dict(
            optimizer=optimizer,
            loss=loss,
            loss_weights=loss_weights,
            metrics=metrics,
            weighted_metrics=weighted_metrics,
            accumulation=accumulation,
            ema_warmup=ema_warmup,
            after_update=after_update,
            jit_compile=jit_compile,
            run_eagerly=run_eagerly,
        )
        self._gradients = Gradients(self, replicas=self._replicas, accumulation=accumulation)
        with self.distribute_strategy.scope():
            self._update = Update(
                optimizer,
                self.trainable_variables,
                ema_warmup=ema_warmup,
                scale_loss=_computes_in_float16(self),
            )

    @property
    def accumulation(self):
        """How many micro-batches each replica's part of a batch is split into."""
        return self._compiled_with["accumulation"]

    @property
    def skipped_steps(self):
        """A variable `()`: the number of steps skipped because a gradient was not finite."""
        return self._update.skipped

    @property
    def loss_scale(self):
        """A variable `()`: the factor of the loss, 1 unless layers compute in float16."""
        return self._update.scale

    @property
    def training_state(self):
        """Every variable that training changes and all replicas hold alike, by its name."""
        variables = {name: each.value for name, each in named_variables(self).items()}
        return variables | self._update.variables

    def gradient_function(self, batch, *, jit_compile) -> Callable[[], tuple]:
        """Makes a function that computes a batch's loss and gradient, to time it.

        Args:
            batch: One replica's part of a batch, `(x, y)` or `(x,)`.
            jit_compile: Whether XLA compiles it.

        Returns:
            A function that returns the loss `()` and the list of gradients; it changes no variable.
        """
        compute = tf.function(self._gradients, jit_compile=jit_compile, autograph=False)
        weights = [tf.convert_to_tensor(v.value) for v in self.trainable_variables]
        seeds = [tf.convert_to_tensor(seed.value) for seed in self._gradients.seeds]
        x, y, _ = self.unpack(tree.map_structure(tf.convert_to_tensor, batch))

        def run():
            loss, _, _, gradients, *_ = compute(weights, seeds, x, y, None, [], tf.constant(1.0))
            return loss, gradients

        return run

    def label_out_of_range(self):
        """Returns an integer label of the last batch that is no class, or `None`.

        Such a label makes the loss not finite on a GPU and with XLA; elsewhere TensorFlow raises.
        """
        _, y, _ = self.unpack(self._batch)
        if tree.is_nested(self.output) or y is None:
            return None
        parts = self.distribute_strategy.experimental_local_results(y)
        return label_out_of_range(parts, self._compiled_with["loss"], self.output.shape[-1])

    def get_compile_config(self):
        """Returns what `compile_from_config` takes, as Keras saves it."""
        return keras.saving.serialize_keras_object(self._compiled_with)

    def compile_from_config(self, config):
        """Compiles as `compile` was called before the model was saved."""
        self.compile(**keras.saving.deserialize_keras_object(config))


def _computes_in_float16(model):
    return any(layer.compute_dtype == "float16" for layer in all_layers(model))
