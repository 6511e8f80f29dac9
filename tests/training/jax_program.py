"""What `test_jax.py` runs on the JAX backend: trains, is stopped, goes on; writes weights as JSON.

    python jax_program.py FOLDER[:STOP_AT] ...

Each folder is a training, one after the other; stopped after so many steps, or never where it is 0.
"""

import json
import sys
from pathlib import Path

import keras
import tensorflow as tf
from replicas import cross_entropy, examples

from keras_vit.training import Checkpoints, Curves, strategy, training_model


class Stop(keras.callbacks.Callback):
    def __init__(self, step):
        super().__init__()
        self.steps_left = step

    def on_train_batch_end(self, batch, logs=None):
        self.steps_left -= 1
        if not self.steps_left:
            raise KeyboardInterrupt


def main(folder, stop_at):
    devices = strategy()
    keras.utils.set_random_seed(0)
    with devices.scope():
        inputs = keras.Input((5,))
        x = keras.layers.Dense(4, activation="tanh")(inputs)
        x = keras.layers.Dropout(0.5 if stop_at is not None else 0.0)(x)
        plain = keras.Model(inputs, keras.layers.Dense(3)(x))
        model = training_model(plain)
        optimizer = keras.optimizers.AdamW(0.02, global_clipnorm=0.1, use_ema=True)
        model.compile(optimizer, cross_entropy(), metrics=["accuracy"])
    checkpoints = Checkpoints(folder, steps_per_epoch=5, every=2)
    start = checkpoints.restore(model)
    x, y = examples(40, "float32")
    batches = tf.data.Dataset.from_tensor_slices((x, y)).repeat().batch(8).skip(start)
    callbacks = [Stop(stop_at)] if stop_at else []
    curves = Curves(folder / "logs", steps_per_epoch=5, first_step=start)
    try:
        history = model.fit(
            batches,
            epochs=3,
            initial_epoch=start // 5,
            steps_per_epoch=5,
            callbacks=[curves, *callbacks, checkpoints],
            verbose=0,
            shuffle=False,
        )
    except KeyboardInterrupt:
        return
    result = {
        "start": start,
        "devices": devices.num_replicas_in_sync,
        "history": history.history,
        "weights": [weight.tolist() for weight in plain.get_weights()],
    }
    Path(folder, "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        folder, _, stop_at = argument.partition(":")
        main(Path(folder), int(stop_at) if stop_at else None)
