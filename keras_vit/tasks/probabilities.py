"""Converts the outputs of any Keras classifier to probabilities of its classes."""

import keras
from keras import activations

from keras_vit.errors import UserError
from keras_vit.keras_private import origin
from keras_vit.tasks.classify import ClassHead

# Layers that may follow a head because they do not change its numbers.
PASSING = (keras.layers.Dropout, keras.layers.Identity)


def to_probabilities(model):
    """Returns a function that converts a model's outputs `(B, K)` to probabilities `(B, K)`.

    It is a softmax for the logits of `ClassHead`, and the identity for a model that ends in a
    softmax. What another last layer means cannot be known: a plain dense layer may return logits or
    measurements, a sigmoid answers for each class on its own.

    Args:
        model: A functional or sequential `keras.Model` of images `(B, H, W, C)`, 0 to 255.

    Returns:
        A `Callable[[tensor], tensor]`; both tensors are `(B, K)`.

    Raises:
        ValueError: If the model is neither functional nor sequential, has several inputs or
            outputs, takes images of any size, or ends neither in a `ClassHead` nor in one softmax
            over `K` classes.
    """
    operation, inputs = _last(_checked(model))
    if _is_head(operation) or (
        isinstance(operation, keras.layers.Average)
        and all(_is_head(_last(tensor)[0]) for tensor in inputs)
    ):
        return keras.ops.softmax
    if _is_softmax(operation):
        return lambda outputs: outputs
    kind = getattr(getattr(operation, "activation", None), "__name__", "")
    kind = f"{kind} of the layer" if kind and kind != "linear" else "layer"
    raise UserError(
        "It has no head that chooses one of several classes: a model ends in keras_vit's "
        f"ClassHead or in a softmax, this one in the {kind} {operation.name!r}."
    )


def before_softmax(tensor):
    """Returns the tensor that a softmax at the end of a graph is taken of.

    Args:
        tensor: The symbolic output of a model.

    Returns:
        The input of the last operation if that is a softmax; else `tensor`.
    """
    operation, inputs = _last(tensor)
    computes_more = getattr(operation, "weights", None)  # a dense layer with this activation
    return inputs[0] if _is_softmax(operation) and not computes_more else tensor


def _checked(model):
    """Returns a model's output `(B, K)`; raises a `ValueError` unless it comes from images."""
    try:
        if isinstance(model, keras.Sequential):  # `input` and `output` are those of a call of it
            inputs, outputs = model.inputs[0], model.outputs[0]
        else:
            inputs, outputs = model.input, model.output
    except AttributeError:
        raise UserError(
            f"A classifier is a functional or sequential model with an input: {model.name!r} is "
            "none."
        ) from None
    check_images(model, inputs)
    _check_one(model, "output", outputs, "A classifier")
    if len(outputs.shape) != 2 or outputs.shape[1] is None:
        raise UserError(
            f"A classifier gives one number per class, (B, K): {model.name!r} gives "
            f"{outputs.shape}."
        )
    return outputs


def check_images(model, inputs, kind="A classifier"):
    """Checks that a model takes images of one size.

    Args:
        model: A `keras.Model`, for its name in messages.
        inputs: Its inputs, a `keras.KerasTensor` or a structure of them.
        kind: What the model is called in messages.

    Raises:
        ValueError: If it has several inputs, or takes anything else than batches of any number of
            images `(B, H, W, C)` of one size.
    """
    _check_one(model, "input", inputs, kind)
    is_fixed = len(inputs.shape) == 4 and None not in inputs.shape[1:]
    if not is_fixed or inputs.shape[0] is not None or inputs.dtype == "string":
        raise UserError(
            f"{kind} takes batches of any number of images (B, H, W, C) of one size: "
            f"{model.name!r} takes {inputs.shape}, {inputs.dtype}."
        )


def _check_one(model, name, tensors, kind):
    if not isinstance(tensors, keras.KerasTensor):
        count = len(keras.tree.flatten(tensors))
        raise UserError(
            f"{kind} has one {name}: {model.name!r} has {count}, in a {type(tensors).__name__}."
        )


def _last(tensor):
    """Returns the operation that computes the numbers of a tensor, and its inputs."""
    operation, inputs, index = origin(tensor)
    if isinstance(operation, keras.Model) and hasattr(operation, "inputs"):  # nested
        return _last(operation.outputs[index])
    is_linear = isinstance(operation, keras.layers.Activation) and _is_linear(operation)
    if inputs and (is_linear or isinstance(operation, PASSING)):
        return _last(inputs[0])
    return operation, inputs


def _is_linear(operation):
    return operation.activation is activations.linear


def _is_head(operation):
    return isinstance(operation, ClassHead) and _is_linear(operation)


def _is_softmax(operation):
    """Says whether a layer or an operation ends in a softmax over the last axis."""
    if getattr(operation, "activation", None) is activations.softmax:
        return True
    # The layer, or the operation of `keras.ops.softmax` in a graph.
    return type(operation).__name__ == "Softmax" and getattr(operation, "axis", None) in (-1, 1)
