"""What depends on the backend, in one file: gradients by intermediate tensors, and graphs."""

import keras
from keras import ops

from keras_vit.errors import UserError


def with_gradients(run):
    """Runs a function and returns how its scores depend on tensors inside of it.

    Args:
        run: Takes a function `tap(name, tensor)`, passes tensors through it, which it returns, and
            returns scores `(B,)`. An example must depend on no other example.

    Returns:
        The scores, the tensors by name, and the gradients of the scores by name, which have the
        shapes of the tensors.

    Raises:
        ValueError: If the backend is neither TensorFlow nor JAX.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return _by_tape(run)
    if backend == "jax":
        return _by_jax(run)
    raise UserError(f"Gradients are taken with TensorFlow or JAX: received the backend {backend}.")


def _by_tape(run):
    import tensorflow as tf

    tensors = {}
    with tf.GradientTape(watch_accessed_variables=False) as tape:

        def tap(name, tensor):
            tape.watch(tensor)
            tensors[name] = tensor
            return tensor

        scores = run(tap)
    zero = tf.UnconnectedGradients.ZERO
    return scores, tensors, tape.gradient(scores, tensors, unconnected_gradients=zero)


def _by_jax(run):
    import jax

    found = {}

    def keep(name, tensor):
        found[name] = tensor
        return tensor

    run(keep)
    nothing = {name: ops.zeros_like(tensor) for name, tensor in found.items()}

    def total(added):
        tensors = {}

        def tap(name, tensor):
            tensors[name] = tensor
            return tensor + added[name]

        scores = run(tap)
        return ops.sum(scores), (scores, tensors)

    gradients, (scores, tensors) = jax.grad(total, has_aux=True)(nothing)
    return scores, tensors, gradients


def constant(tensor):
    """Returns a tensor as it is, by which no gradient is taken."""
    return ops.stop_gradient(tensor)


def half(tensor):
    """Returns a tensor as it is; of its gradient one half passes."""
    return (tensor + constant(tensor)) / 2


def as_graph(function):
    """Turns a function into a TensorFlow graph, which halves the time of many calls.

    Args:
        function: A function of tensors, which is traced once for each of their shapes. Variables
            have their present values in each call.

    Returns:
        The function; with another backend than TensorFlow as it is.
    """
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    graphs = {}  # by shapes: `tf.function` warns of those who trace several

    def run(*tensors):
        tensors = [tf.convert_to_tensor(each) for each in tensors]
        shapes = tuple((each.dtype, *each.shape) for each in tensors)
        if shapes not in graphs:
            traced = tf.function(function, autograph=False)
            graphs[shapes] = traced.get_concrete_function(*tensors)
        return graphs[shapes](*tensors)

    return run
