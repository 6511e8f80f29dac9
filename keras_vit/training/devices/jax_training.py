"""Training on the JAX backend, mainly for TPUs, with Keras' own trainer."""

import contextlib

import keras
import numpy as np
import tensorflow as tf

from keras_vit.errors import UserError
from keras_vit.keras_private import JaxTrainer
from keras_vit.training.names import named_state, named_variables
from keras_vit.training.resume.resumable import ResumableModel
from keras_vit.training.step.update import OWN_NAMES


class JaxDevices:
    """All devices of a kind that JAX sees, shared by `keras.distribution.DataParallel`.

    Attributes:
        num_replicas_in_sync: The number of devices.

    Args:
        device: `"cpu"`, `"gpu"` or `"tpu"`; `"auto"` takes the kind that JAX prefers.

    Raises:
        ValueError: If JAX sees no such device.
    """

    def __init__(self, device="auto"):
        kind = None if device == "auto" else device
        try:
            devices = keras.distribution.list_devices(kind)
        except RuntimeError as error:
            raise UserError(f"device={device!r} needs one that JAX sees: {error}.") from error
        self.num_replicas_in_sync = len(devices)
        if len(devices) > 1:
            keras.distribution.set_distribution(
                keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False)
            )
        print(f"Training on {len(devices)} {devices[0].split(':')[0]} devices of JAX.")

    def scope(self):
        """Returns a context manager in which models are built, as strategies have it."""
        return contextlib.nullcontext()


@keras.saving.register_keras_serializable("keras_vit")
class JaxTrainingModel(JaxTrainer, ResumableModel):
    """`TrainingModel` on the JAX backend: Keras' own `fit`, and the methods `Checkpoints` needs."""

    def compile(
        self,
        optimizer,
        loss=None,
        *,
        accumulation=1,
        ema_warmup=False,
        after_update=None,
        **kwargs,
    ):
        """Configures the step as `TrainingModel.compile` does, without accumulation.

        Args:
            optimizer: A `keras.optimizers.Optimizer`.
            loss: As `keras.Model.compile` takes it.
            accumulation: Must be 1.
            ema_warmup: Ignored: Keras' averages (EMA) have no warm-up.
            after_update: Must be `None`.
            **kwargs: What else `keras.Model.compile` takes.

        Raises:
            ValueError: If `accumulation` is not 1, or something is to follow the update.
        """
        if after_update is not None:
            raise UserError("On the JAX backend nothing can follow an update: received a function.")
        if accumulation != 1:
            raise UserError(
                "The JAX backend has no micro-batches yet: received "
                f"accumulation={accumulation}; leave it at 1."
            )
        super().compile(optimizer, loss, **kwargs)
        self.optimizer.build(self.trainable_variables)
        # Variables of the TensorFlow step: checkpoints of both backends have the same names.
        self._of_tensorflow = [tf.Variable(1.0), *(tf.Variable(0, dtype="int64") for _ in range(2))]

    @property
    def distribute_strategy(self):
        return tf.distribute.get_strategy()

    @property
    def training_state(self):
        """Every variable that training changes, by the same names as in `TrainingModel`."""
        self.jax_state_sync()
        own = dict(zip(OWN_NAMES, self._of_tensorflow, strict=True))
        return named_variables(self) | named_state(self.optimizer) | own

    def running_loss(self, steps, logs=None):
        """Returns the sum of the loss over the epoch's steps so far, and their number.

        Args:
            steps: How many steps of the epoch were done.
            logs: Those of the last step; `None` before this process has done one, when variables
                are those of the step. Later, to read them would copy the whole model.
        """
        if logs is not None:
            return steps * logs["loss"], steps
        total, weight = (float(variable.value) for variable in self.sums_of_loss)
        return steps * total / weight if weight else 0.0, steps

    def read_metrics(self):
        """Returns the running sums of the metrics, a list of arrays `(1, ...)`."""
        self.jax_state_sync()
        return [np.asarray(variable.value)[None] for variable in self.metrics_variables]

    def write_metrics(self, values):
        """Sets the running sums of the metrics.

        Args:
            values: Arrays `(1, ...)`, as `read_metrics` returns them.
        """
        for variable, value in zip(self.metrics_variables, values, strict=True):
            variable.assign(value[0])
