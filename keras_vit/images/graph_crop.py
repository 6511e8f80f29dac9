"""The centre crop inside TensorFlow's graph, the twin of `keras_vit.images.crop`."""

import math

import numpy as np
import tensorflow as tf

KERNELS = {"bicubic": "keyscubic", "bilinear": "triangle"}


def cut_middle(images, *, size, ratio=1.0, interpolation="bicubic"):
    """Resizes images to cover `H / ratio` by `W / ratio` and cuts the middle `(B, H, W, C)`, uint8.

    As timm and torchvision evaluate: antialiased, sides truncated, offsets rounded to even.

    Args:
        images: Pixels `(B, h, w, C)`, uint8.
        size: Side of the output in pixels, or its height and width.
        ratio: Share of the short side that is kept ("crop percentage"), in `(0, 1]`.
        interpolation: `"bicubic"` or `"bilinear"`.

    Returns:
        The images.
    """
    height, width = (int(side) for side in np.broadcast_to(size, 2))
    old = tf.cast(tf.shape(images)[1:3], tf.float32)
    covered = tf.constant([math.floor(height / ratio), math.floor(width / ratio)], tf.float32)
    # The side that binds becomes what must be covered, and the other one follows.
    binding = tf.argmax(covered / old)
    new = tf.floor(tf.gather(covered, binding) * old / tf.gather(old, binding))
    new = tf.maximum(new, covered)  # floor of a quotient that is exact
    scale, shift = new / old, -tf.round((new - [float(height), float(width)]) / 2)
    # First the rows, then the columns, with whole numbers between, as PIL does: a difference of one
    # level in many pixels would turn an answer that is close.
    kernel = KERNELS[interpolation]
    first = [tf.shape(images)[1], width]
    images = _scale(images, first, [1.0, scale[1]], [0.0, shift[1]], kernel)
    return _scale(images, [height, width], [scale[0], 1.0], [shift[0], 0.0], kernel)


def _scale(images, size, scale, shift, kernel):
    """Resizes images `(B, h, w, C)` and cuts them to `size`, antialiased, uint8."""
    images = tf.raw_ops.ScaleAndTranslate(
        images=images,
        size=size,
        scale=scale,
        translation=shift,
        kernel_type=kernel,
        antialias=True,
    )
    return tf.saturate_cast(tf.round(images), tf.uint8)
