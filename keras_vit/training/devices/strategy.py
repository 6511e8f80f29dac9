"""The devices that train, in this process and in others."""

import json
import os

import keras
import tensorflow as tf

from keras_vit.choices import PRECISIONS
from keras_vit.errors import UserError
from keras_vit.training.devices.cluster import read_cluster, wait_for_workers
from keras_vit.training.devices.jax_training import JaxDevices, JaxTrainingModel
from keras_vit.training.step.training_model import TrainingModel


def strategy(device="auto", *, worker=None, workers=None):
    """Chooses the devices to train on, and prints which.

    Several machines train together if `worker` and `workers` are passed, or `TF_CONFIG` names the
    workers, as TensorFlow documents it. Each machine runs the same program.

    Args:
        device: `"auto"` takes a TPU where `TPU_NAME` is set, else every visible GPU, else the CPU;
            `"cpu"`, `"gpu"` and `"tpu"` take only that kind. Build and compile the model in `with
            strategy(...).scope():`.
        worker: Number of this process among the workers, from 0; the first one writes the files.
        workers: Address and port of each worker, `["10.0.0.1:2222", "10.0.0.2:2222"]`, the same in
            all of them.

    Returns:
        A `tf.distribute.Strategy`: TensorFlow's default on one device, `MirroredStrategy` on
        several GPUs, `MultiWorkerMirroredStrategy` on several machines, `TPUStrategy` on a TPU. On
        the JAX backend `JaxDevices`, which has `scope` and `num_replicas_in_sync` too.

    Raises:
        ValueError: If `device` is none of the four or there is no such device; if `worker`,
            `workers` or `TF_CONFIG` are malformed, or the JAX backend or a TPU gets them; or if
            `keras.distribution` is set, which TensorFlow ignores.
        ConnectionError: If a worker is lost before the training begins.
    """
    if device not in ("auto", "cpu", "gpu", "tpu"):
        raise UserError(f"`device` must be auto, cpu, gpu or tpu: received {device!r}.")
    if keras.backend.backend() == "jax":
        if worker is not None or workers:
            raise UserError("Workers are for the TensorFlow backend: received KERAS_BACKEND=jax.")
        return JaxDevices(device)
    if keras.distribution.distribution() is not None:
        raise UserError(
            "keras.distribution does nothing on the TensorFlow backend: leave it out, or set "
            f"KERAS_BACKEND=jax; received {keras.distribution.distribution()}."
        )
    cluster = read_cluster(worker, workers)
    several = len(cluster["workers"]) > 1
    # Logical devices start TensorFlow, which must know the workers first.
    listed = tf.config.list_physical_devices if several else tf.config.list_logical_devices
    gpus = listed("GPU")
    if device == "gpu" and not gpus:
        raise UserError("device='gpu' needs a GPU that TensorFlow sees: there is none.")
    if several:
        return _multi_worker(device, gpus, **cluster)
    if device == "tpu" or device == "auto" and os.environ.get("TPU_NAME"):
        chosen = tf.distribute.TPUStrategy(_connect_to_tpu())
        print(f"Training on a TPU with {chosen.num_replicas_in_sync} cores (TPUStrategy).")
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


def set_precision(precision):
    """Sets the precision that new layers compute in; weights stay float32.

    Args:
        precision: `"float32"`, `"bfloat16"`, or `"float16"`, for which the train step scales the
            loss.

    Raises:
        ValueError: If it is none of the three.
    """
    if precision not in PRECISIONS:
        raise UserError(
            f"`precision` must be one of {', '.join(PRECISIONS)}: received {precision!r}."
        )
    keras.config.set_dtype_policy(PRECISIONS[precision])


def training_model(model):
    """Makes a model that shares the layers of `model` and whose `fit` trains them.

    Args:
        model: A functional or a built sequential model, of the scope of the strategy.

    Returns:
        A `TrainingModel`; on the JAX backend a `JaxTrainingModel`.
    """
    kind = JaxTrainingModel if keras.backend.backend() == "jax" else TrainingModel
    if isinstance(model, keras.Sequential):  # which has `input` only once it is called
        return kind(model.inputs[0], model.outputs[0])
    return kind(model.input, model.output)


def check_batch_size(batch_size, strategy, accumulation=1):
    """Raises a `ValueError` unless a batch splits evenly over replicas and micro-batches.

    Args:
        batch_size: Examples per step, over all devices.
        strategy: A `tf.distribute.Strategy`; on the JAX backend `JaxDevices`.
        accumulation: Micro-batches per replica and step.

    Raises:
        ValueError: If replicas times micro-batches do not divide `batch_size`.
    """
    parts = strategy.num_replicas_in_sync * accumulation
    if batch_size % parts:
        raise UserError(
            "`batch_size` must be a multiple of the devices times `accumulation`: received "
            f"batch_size={batch_size}, {strategy.num_replicas_in_sync} devices, "
            f"accumulation={accumulation}."
        )


def _multi_worker(device, gpus, *, worker, workers):
    if device == "tpu":
        raise UserError("A TPU slice needs no workers: set TPU_NAME, received device='tpu'.")
    if device == "cpu" and gpus:
        raise UserError(
            "Workers train on their GPUs where they have some: set CUDA_VISIBLE_DEVICES=-1 for the "
            "CPU, received device='cpu'."
        )
    wait_for_workers(worker, workers)
    cluster = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": worker}}
    os.environ["TF_CONFIG"] = json.dumps(cluster)
    try:
        chosen = tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.OpError as error:
        raise ConnectionError(
            f"The {len(workers)} workers found each other, but TensorFlow could not join them: "
            f"start all again. ({type(error).__name__}: {error.message.splitlines()[0]})"
        ) from error
    print(
        f"Training on {chosen.num_replicas_in_sync} devices of {len(workers)} workers "
        "(MultiWorkerMirroredStrategy)."
    )
    return chosen


def _connect_to_tpu():
    name = os.environ.get("TPU_NAME", "local")
    try:
        return tf.distribute.cluster_resolver.TPUClusterResolver.connect(name)
    except (ValueError, OSError, tf.errors.OpError) as error:
        raise UserError(
            f"There is no TPU {name!r}: set TPU_NAME to its name, or to 'local' on its own host, "
            "and install tensorflow-tpu."
        ) from error
