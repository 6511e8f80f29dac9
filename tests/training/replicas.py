"""Small models and strategies on which one replica is compared with two."""

import keras
import numpy as np
import tensorflow as tf

from keras_vit.training import TrainingModel


def two_replicas():
    """Two logical CPUs; several default strategies in one process would clash."""
    return tf.distribute.MirroredStrategy(
        ["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )


def strategy_of(replicas):
    return tf.distribute.get_strategy() if replicas == 1 else two_replicas()


def examples(count, dtype="float64"):
    """Five features and three soft labels each."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(count, 5)).astype(dtype)
    return x, keras.ops.convert_to_numpy(keras.ops.softmax(x @ rng.normal(size=(5, 3)) * 3))


def batches(x, y, batch_size, *rest):
    data = tf.data.Dataset.from_tensor_slices((x, y, *rest)).repeat()
    return data.batch(batch_size, drop_remainder=True)


def untuned(data, batch_size):
    """One epoch; tf.data's tuner, which would wait at the end of each iterator, is off."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return tf.data.Dataset.from_tensor_slices(data).batch(batch_size).with_options(options)


def perceptron(model_class=TrainingModel, *layers):
    inputs = keras.Input((5,))
    x = keras.layers.Dense(4, activation="tanh", kernel_initializer="glorot_normal")(inputs)
    for layer in layers:
        x = layer(x)
    return model_class(inputs, keras.layers.Dense(3)(x))


def weights_of(model):
    return np.concatenate([weight.numpy().ravel() for weight in model.trainable_variables])


def cross_entropy(**kwargs):
    return keras.losses.CategoricalCrossentropy(from_logits=True, **kwargs)
