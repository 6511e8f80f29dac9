"""Which devices train, and whether XLA compiles for them."""

import os

import tensorflow as tf


def strategy(device="auto"):
    """Chooses the devices to train on, and prints which.

    Args:
        device: `"auto"` takes a TPU where `TPU_NAME` is set, else every visible GPU, else the CPU;
            `"cpu"`, `"gpu"` and `"tpu"` insist. Build and compile the model in `with
            strategy(...).scope():`.

    Returns:
        A `tf.distribute.Strategy`: TensorFlow's default on one device, `MirroredStrategy` on
        several GPUs, `TPUStrategy` on a TPU.

    Raises:
        ValueError: If `device` is none of the four, or there is no such device.
    """
    if device not in ("auto", "cpu", "gpu", "tpu"):
        raise ValueError(f"`device` must be auto, cpu, gpu or tpu: received {device!r}.")
    gpus = tf.config.list_logical_devices("GPU")
    if device == "tpu" or device == "auto" and os.environ.get("TPU_NAME"):
        chosen = tf.distribute.TPUStrategy(_connect_to_tpu())
        print(f"Training on a TPU with {chosen.num_replicas_in_sync} cores (TPUStrategy).")
    elif device == "gpu" and not gpus:
        raise ValueError("device='gpu' needs a GPU that TensorFlow sees: there is none.")
    elif device == "cpu" and gpus:
        chosen = tf.distribute.OneDeviceStrategy("/device:CPU:0")
        print("Training on the CPU (OneDeviceStrategy), beside the GPUs there are.")
    elif len(gpus) > 1:
        chosen = tf.distribute.MirroredStrategy([gpu.name for gpu in gpus])
        print(f"Training on {len(gpus)} GPUs (MirroredStrategy).")
    else:
        chosen = tf.distribute.get_strategy()
        print("Training on one GPU." if gpus else f"Training on the CPU, {os.cpu_count()} cores.")
    return chosen


def _connect_to_tpu():
    name = os.environ.get("TPU_NAME", "local")
    try:
        return tf.distribute.cluster_resolver.TPUClusterResolver.connect(name)
    except (ValueError, OSError, tf.errors.OpError) as error:
        raise ValueError(
            f"There is no TPU {name!r}: set TPU_NAME to its name, or to 'local' on its own host, "
            "and install tensorflow-tpu."
        ) from error


def use_xla(strategy):
    """Says whether `model.compile(jit_compile=...)` should be on under a strategy.

    True on one device. Under a strategy of several, Keras 3.15 compiles the whole cross-replica
    step, which fails with "Trying to access resource located in device".
    """
    return strategy.num_replicas_in_sync == 1
