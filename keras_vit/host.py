"""Functions of NumPy inside a graph, for algorithms that no backend has."""

import keras

from keras_vit.errors import UserError


def on_host(function, *tensors, shape, dtype):
    """Calls a function of NumPy arrays from within a graph, on the CPU.

    It has no gradient, and XLA on TensorFlow refuses it. The function must be pure: it may be
    called more than once, or not at all where nothing needs its result.

    Args:
        function: Takes as many arrays as there are tensors, and returns an array.
        *tensors: Tensors of any shape.
        shape: Shape of the result; on TensorFlow it may hold `None`.
        dtype: Its type, for example `"int32"`.

    Returns:
        A tensor.

    Raises:
        ValueError: If the backend is neither TensorFlow nor JAX.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        result = tf.numpy_function(function, tensors, tf.as_dtype(dtype), stateful=False)
        return tf.ensure_shape(result, shape)
    if backend == "jax":
        import jax

        return jax.pure_callback(function, jax.ShapeDtypeStruct(shape, dtype), *tensors)
    raise UserError(f"A function of NumPy in a graph needs TensorFlow or JAX: received {backend}.")
