"""The centre crop inside TensorFlow's graph; `keras_vit.images.crop` does the same with Pillow."""

import tensorflow as tf

KERNELS = {"bicubic": "keyscubic", "bilinear": "triangle"}


def crop_images(images, preprocessing):
    """Resizes images `(B, h, w, C)`, uint8, and crops their middle `(B, H, W, C)`, uint8.

    Args:
        images: The pixels, all of one size.
        preprocessing: A `keras_vit.images.preprocessing.Preprocessing` with an `image_size`, which
            is `(H, W)`.

    Returns:
        The images `(B, H, W, C)`, uint8. They equal those of `keras_vit.images.crop.crop_pixels`,
        except that a few values differ by one level, from rounding.
    """
    height, width = preprocessing.image_size
    old = tf.cast(tf.shape(images)[1:3], tf.float32)
    new = tf.constant(preprocessing.resized, tf.float32)
    if preprocessing.fit == "crop":
        # The side that must be enlarged most gets exactly its new length; the other one follows.
        covered, binding = new, tf.argmax(new / old)
        new = tf.floor(tf.gather(covered, binding) * old / tf.gather(old, binding))
        new = tf.maximum(new, covered)  # the floor of an exact quotient may be one too low
    truncate = {"round": tf.round, "floor": tf.floor}[preprocessing.crop_offset]
    scale, shift = new / old, -truncate((new - [float(height), float(width)]) / 2)
    # First the rows, then the columns, rounded to integers between, as Pillow does: a difference of
    # one level in many pixels would change a prediction that is close.
    kernel = KERNELS[preprocessing.interpolation]
    first = [tf.shape(images)[1], width]
    images = _scale(images, first, [1.0, scale[1]], [0.0, shift[1]], kernel)
    return _scale(images, [height, width], [scale[0], 1.0], [shift[0], 0.0], kernel)


def _scale(images, size, scale, shift, kernel):
    """Resizes images `(B, h, w, C)` and crops them to `size`, antialiased, uint8."""
    images = tf.raw_ops.ScaleAndTranslate(
        images=images,
        size=size,
        scale=scale,
        translation=shift,
        kernel_type=kernel,
        antialias=True,
    )
    return tf.saturate_cast(tf.round(images), tf.uint8)
