"""What one worker runs in `test_workers.py`: writes its losses and its weights as JSON.

    python worker_program.py FOLDER EPOCHS [SIGNAL STEP]

`TF_CONFIG` says who the workers are; without it there is one. After the step the last worker sends
itself the signal.
"""

import json
import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import tensorflow as tf
from replicas import cross_entropy, examples, perceptron

from keras_vit.training import (
    Checkpoints,
    TrainingModel,
    Workers,
    explain_lost_workers,
    per_worker,
    strategy,
)

STEPS = 5


def main(folder, epochs, number=0, signalled=0):
    devices = strategy("cpu")
    workers = Workers(devices)
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    keras.utils.set_random_seed(0)
    losses = {}

    class Log(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            step = int(self.model.optimizer.iterations.numpy())
            losses[step] = float(logs["loss"])
            if step == signalled and workers.index == workers.count - 1:
                os.kill(os.getpid(), number)

    with devices.scope():
        model = perceptron(TrainingModel)
        optimizer = keras.optimizers.AdamW(
            0.02, global_clipnorm=0.1, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=3
        )
        arguments = dict(metrics=["accuracy"], accumulation=2, jit_compile=True)
        model.compile(optimizer, cross_entropy(), **arguments)
    # Each worker has a folder of its own: what the first one reads must reach the others.
    own = folder / f"worker {workers.index} of {workers.count}"
    checkpoints = Checkpoints(own, steps_per_epoch=STEPS, every=2)
    start = checkpoints.restore(model)
    x, y = examples(24)

    def share(worker, workers):
        batches = tf.data.Dataset.from_tensor_slices((x, y)).repeat().batch(8 // workers)
        return batches.shard(workers, worker).skip(start)

    tests = tf.data.Dataset.from_tensor_slices((x[:21], y[:21])).batch(8)
    with explain_lost_workers(workers):
        history = model.fit(
            per_worker(share, devices),
            epochs=epochs,
            initial_epoch=start // STEPS,
            steps_per_epoch=STEPS,
            validation_data=tests,
            callbacks=[Log(), checkpoints],
            verbose=0,
            shuffle=False,
        )
    result = {
        "start": start,
        "losses": losses,
        "history": history.history,
        "weights": [weight.tolist() for weight in model.get_weights()],
    }
    name = f"{workers.index} of {workers.count}.json"
    Path(folder, name).write_text(json.dumps(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
