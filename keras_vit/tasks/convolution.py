"""A convolution with its norm: what dense heads are made of."""

import keras


def convolution(width, name, *, kernel_size=3, strides=1, activation="gelu"):
    """Makes a convolution, a norm over the channels and an activation.

    The norm is no batch norm, which replicas and micro-batches would split.

    Args:
        width: Channels of the result.
        name: What the names of the layers start with: `NAME_conv`, `NAME_norm`, `NAME_gelu`.
        kernel_size: Side of the kernel.
        strides: Step of the convolution.
        activation: Name of the activation, or `None`.

    Returns:
        A function from symbolic maps `(B, h, w, C)` to maps `(B, h', w', width)`. Several calls
        share the weights.
    """
    layers = [
        keras.layers.Conv2D(
            width,
            kernel_size,
            strides=strides,
            padding="same",
            use_bias=False,
            name=f"{name}_conv",
        ),
        keras.layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm"),
    ]
    if activation is not None:
        layers.append(keras.layers.Activation(activation, name=f"{name}_{activation}"))

    def apply(x):
        for layer in layers:
            x = layer(x)
        return x

    return apply
