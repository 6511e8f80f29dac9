"""The first step of every recipe: its flags are checked and its devices opened."""

import keras

from keras_vit.errors import UserError
from keras_vit.training import check_batch_size, strategy


def open_devices(config):
    """Checks a recipe's flags, and opens the devices that they name.

    Call it first in a recipe: TensorFlow must know all workers before it computes anything.

    Args:
        config: A recipe's `Training`.

    Returns:
        A `tf.distribute.Strategy`; on the JAX backend `JaxDevices`.

    Raises:
        ValueError: If a flag is out of its range, the devices do not exist, or they and the
            micro-batches do not divide the batch.
        ConnectionError: If a worker is lost before the training begins.
    """
    config.check()
    workers = config.workers.split(",") if config.workers else None
    devices = strategy(config.device, worker=config.worker, workers=workers)
    if config.batch_size is not None:
        check_batch_size(config.batch_size, devices, config.accumulation)
    if keras.backend.backend() == "jax" and config.not_finite == "skip":
        raise UserError("The JAX backend skips no step: received not_finite='skip'.")
    return devices
