"""One process of `benchmarks.scaling`, which runs steps or all-reduces on request."""

import json
import sys
import time

import keras
import numpy as np
import tensorflow as tf

from keras_vit.models import ViTConfig, vit
from keras_vit.tasks import classifier
from keras_vit.training import TrainingModel, Workers, adamw, per_worker, strategy

SHAPE = ViTConfig(image_size=32, patch_size=4, width=192, depth=6, mlp_dim=768, num_heads=3)


def open_devices(count):
    """Returns the strategy of TensorFlow for `count` logical CPUs or the workers of `TF_CONFIG`."""
    if count > 1:
        (cpu,) = tf.config.list_physical_devices("CPU")
        logical = [tf.config.LogicalDeviceConfiguration()] * count
        tf.config.set_logical_device_configuration(cpu, logical)
        return tf.distribute.MirroredStrategy([f"CPU:{index}" for index in range(count)])
    return strategy("cpu")


def main(count, batch_size):
    """Builds the model, then runs what the lines of standard input ask for.

    A line is `step N` or `reduce N`; the reply is a JSON object with the milliseconds of one.

    Args:
        count: Number of logical devices.
        batch_size: Images per step, over all processes.
    """
    devices = open_devices(count)
    with devices.scope():
        plain = classifier(vit(SHAPE), 10)
        model = TrainingModel(plain.input, plain.output)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(adamw(1e-3, weight_decay=0.1), loss, jit_compile=True)
    rng = np.random.default_rng(0)
    workers = Workers(devices).count

    def share(worker, workers):
        images = rng.integers(0, 256, (batch_size // workers, 32, 32, 3)).astype("uint8")
        labels = rng.integers(0, 10, batch_size // workers)
        return tf.data.Dataset.from_tensors((images, labels)).repeat()

    batches = per_worker(share, devices)
    if workers == 1:
        batches = devices.experimental_distribute_dataset(batches)
    iterator = iter(batches)
    model.make_train_function()

    @tf.function
    def reduce():
        def in_replica():
            gradients = [tf.ones_like(weight.value) for weight in model.trainable_variables]
            context = tf.distribute.get_replica_context()
            sums = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
            return tf.add_n([tf.reduce_sum(each[:1]) for each in sums])

        return devices.reduce(tf.distribute.ReduceOp.SUM, devices.run(in_replica), axis=None)

    runs = {"step": lambda: model.train_function(iterator)["loss"], "reduce": reduce}
    size = sum(np.prod(weight.shape) for weight in model.trainable_variables) * 4
    print(json.dumps({"gradient_bytes": int(size)}), flush=True)
    for line in sys.stdin:
        what, steps = line.split()
        start = time.perf_counter()
        for _ in range(int(steps)):
            runs[what]().numpy()
        print(json.dumps({"ms": 1000 * (time.perf_counter() - start) / int(steps)}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
