"""Gradients on whatever backend Keras runs."""

import keras
import numpy as np


def gradients_of(loss, weights):
    """Returns the gradient of a loss for each weight, arrays.

    Args:
        loss: A function without arguments that returns a number.
        weights: `keras.Variable`s.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = loss()
        return tape.gradient(value, [weight.value for weight in weights])
    if backend == "jax":
        import jax

        def loss_of(values):
            with keras.StatelessScope(state_mapping=list(zip(weights, values, strict=True))):
                return loss()

        return jax.jit(jax.grad(loss_of))([weight.value for weight in weights])
    loss().backward()
    return [np.asarray(weight.value.grad) for weight in weights]
