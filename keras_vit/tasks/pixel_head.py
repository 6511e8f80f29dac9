"""The last layers of models that write pictures."""

import keras

from keras_vit.layers import PixelShuffle


def written_pixels(x, side, channels):
    """Writes a square of pixels from each place of a map; before it is trained, zeros.

    The layers `head`, a convolution, and `shuffle`.

    Args:
        x: A symbolic map `(B, h, w, D)`.
        side: Side of the square `S`.
        channels: Channels of the pixels `C`.

    Returns:
        A symbolic tensor `(B, S*h, S*w, C)`, float32 whatever the policy, as of every head.
    """
    x = keras.layers.Conv2D(
        side * side * channels,
        3,
        padding="same",
        kernel_initializer="zeros",
        dtype="float32",
        name="head",
    )(x)
    return PixelShuffle(side, dtype="float32", name="shuffle")(x)
