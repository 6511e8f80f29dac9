"""The centre crop inside TensorFlow's graph; `keras_vit.images.crop` does the same with Pillow."""

import tensorflow as tf

KERNELS = {"bicubic": "keyscubic", "bilinear": "triangle"}


def crop_images(images, preprocessing):
    """Resizes images `(B, h, w, C)` and crops their middle `(B, H, W, C)`.

    Args:
        images: The pixels, uint8 or float, all of one size.
        preprocessing: A `keras_vit.images.preprocessing.Preprocessing` with an `image_size`, which
            is `(H, W)`.

    Returns:
        The images `(B, H, W, C)`, of the same dtype. If it is uint8, they equal those of
        `keras_vit.images.crop.crop_pixels`, except that a few values differ by one level, from
        rounding.
    """
    images = tf.convert_to_tensor(images)
    height, width = preprocessing.image_size
    scale, shift = placement(tf.shape(images)[1:3], preprocessing)
    # First the rows, then the columns, rounded to integers between, as Pillow does: a difference of
    # one level in many pixels would change a prediction that is close.
    kernel = KERNELS[preprocessing.interpolation]
    first = [tf.shape(images)[1], width]
    images = _scale(images, first, [1.0, scale[1]], [0.0, shift[1]], kernel)
    return _scale(images, [height, width], [scale[0], 1.0], [shift[0], 0.0], kernel)


def placement(old, preprocessing):
    """Returns how a picture is resized, and where its crop starts.

    Args:
        old: Height and width of the picture in pixels.
        preprocessing: A `keras_vit.images.preprocessing.Preprocessing` with an `image_size`.

    Returns:
        The factors of both sides, float32 `(2,)`, and the pixels by which the resized picture is
        then moved down and to the right, float32 `(2,)`, negative where it is larger than the crop.
    """
    old = tf.cast(old, tf.float32)
    new = tf.constant(preprocessing.resized, tf.float32)
    least = new
    if preprocessing.fit != "squash":
        # The side that must be enlarged most gets exactly its new length; the other one follows.
        covered, binding = new, tf.argmax(new / old)
        new = tf.floor(tf.gather(covered, binding) * old / tf.gather(old, binding))
        new = tf.maximum(new, covered)  # the floor of an exact quotient may be one too low
    if preprocessing.fit == "keep":
        new = tf.where(tf.reduce_all(old >= least), old, new)
    truncate = {"round": tf.round, "floor": tf.floor}[preprocessing.crop_offset]
    return new / old, -truncate((new - tf.constant(preprocessing.image_size, tf.float32)) / 2)


def _scale(images, size, scale, shift, kernel):
    """Resizes images `(B, h, w, C)` and crops them to `size`, antialiased."""
    scaled = tf.raw_ops.ScaleAndTranslate(
        images=images,
        size=size,
        scale=scale,
        translation=shift,
        kernel_type=kernel,
        antialias=True,
    )
    return tf.saturate_cast(tf.round(scaled) if images.dtype.is_integer else scaled, images.dtype)
